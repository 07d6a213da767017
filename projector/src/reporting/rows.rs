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
        sale_documents: Option<i64> => "bigint",
        free_documents: Option<i64> => "bigint",
        sale_lines: i64 => "bigint",
        sale_units: i64 => "bigint",
        gross: Decimal => "numeric",
        free_lines: i64 => "bigint",
        free_units: i64 => "bigint",
        refund_documents: Option<i64> => "bigint",
        accepted_lines: i64 => "bigint",
        accepted_units: i64 => "bigint",
        accepted_amount: Decimal => "numeric",
        unjudged_lines: i64 => "bigint",
        unjudged_units: i64 => "bigint",
        unjudged_amount: Decimal => "numeric",
        never_sold_lines: i64 => "bigint",
        never_sold_units: i64 => "bigint",
        never_sold_amount: Decimal => "numeric",
        exceeds_lines: i64 => "bigint",
        exceeds_units: i64 => "bigint",
        exceeds_amount: Decimal => "numeric",
        adjustment_documents: Option<i64> => "bigint",
        adjustment_lines: i64 => "bigint",
        adjustment_units: i64 => "bigint",
        bad_debt_documents: Option<i64> => "bigint",
        bad_debt_lines: i64 => "bigint",
        bad_debt_units: i64 => "bigint",
        bad_debt_amount: Decimal => "numeric",
        active_customers: Option<i64> => "bigint",
        new_customers: Option<i64> => "bigint",
    }
}

row! {
    /// What is known of a product from its lines in a currency.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Product in "product" {
        key { sku: String => "text", currency: String => "text" }
        description: String => "text",
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
    /// Where a store is, what it trades in, and when its day ends.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Store in "store" {
        key { id: String => "text" }
        country: String => "text",
        currency: String => "text",
        time_zone: Option<String> => "text",
    }
}

row! {
    /// Which category a product is in.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Article in "article" {
        key { sku: String => "text" }
        category: String => "text",
    }
}

rows! {
    /// The tables of the schema `reporting`.
    pub struct ReportingRows {
        figures: Figures,
        product: Product,
        document: Document,
        buyer: Buyer,
        store: Store,
        article: Article,
    }
}
