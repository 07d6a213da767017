//! The tables of `schema.sql`, as the fold sees them: generated columns are the database's own.

use chrono::{DateTime, Utc};
use domain::Decimal;

use crate::{row, rows};

row! {
    /// A row of sums.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    #[derive(Default)]
    pub struct Figures in "figures" {
        key { dimension: String => "text", value: String => "text", currency: String => "text" }
        lines: i64 => "bigint",
        sale_lines: i64 => "bigint",
        free_lines: i64 => "bigint",
        refund_lines: i64 => "bigint",
        adjustment_lines: i64 => "bigint",
        bad_debt_lines: i64 => "bigint",
        units_sold: i64 => "bigint",
        units_free: i64 => "bigint",
        units_cancelled: i64 => "bigint",
        units_adjusted: i64 => "bigint",
        gross: Decimal => "numeric",
        cancelled: Decimal => "numeric",
        bad_debt: Decimal => "numeric",
        sale_documents: Option<i64> => "bigint",
        with_sale: Option<i64> => "bigint",
        with_free: Option<i64> => "bigint",
        refund_documents: Option<i64> => "bigint",
        adjustment_documents: Option<i64> => "bigint",
        bad_debt_documents: Option<i64> => "bigint",
        active_customers: Option<i64> => "bigint",
        new_customers: Option<i64> => "bigint",
        accepted_lines: i64 => "bigint",
        accepted_units: i64 => "bigint",
        accepted_amount: Decimal => "numeric",
        refused_never_sold_lines: i64 => "bigint",
        refused_never_sold_units: i64 => "bigint",
        refused_never_sold_amount: Decimal => "numeric",
        refused_exceeds_lines: i64 => "bigint",
        refused_exceeds_units: i64 => "bigint",
        refused_exceeds_amount: Decimal => "numeric",
        unjudged_lines: i64 => "bigint",
        unjudged_units: i64 => "bigint",
        unjudged_amount: Decimal => "numeric",
    }
}

row! {
    /// What is known of a product from its lines.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Product in "product" {
        key { sku: String => "text" }
        last_description: String => "text",
        last_price: Option<Decimal> => "numeric",
        price_changes: i64 => "bigint",
    }
}

row! {
    /// A document, whatever its kind.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Document in "document" {
        key { kind: String => "text", id: String => "text" }
        store: String => "text",
        country: String => "text",
        customer: String => "text",
        currency: String => "text",
        at: DateTime<Utc> => "timestamptz",
        lines: i64 => "bigint",
        units: i64 => "bigint",
        amount: Decimal => "numeric",
        with_sale: bool => "boolean",
        with_free: bool => "boolean",
    }
}

row! {
    /// That a customer bought somewhere, or some time.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Buyer in "buyer" {
        key { currency: String => "text", dimension: String => "text", value: String => "text", customer: String => "text" }
    }
}

row! {
    /// Where a store is, and what it trades in.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Store in "store" {
        key { id: String => "text" }
        country: String => "text",
        currency: String => "text",
    }
}

rows! {
    /// The tables of the schema `revenue`.
    pub struct RevenueRows {
        figures: Figures,
        product: Product,
        document: Document,
        buyer: Buyer,
        store: Store,
    }
}
