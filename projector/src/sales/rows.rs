//! The tables of `schema.sql`, as the fold sees them: generated columns are the database's own.

use chrono::{DateTime, Utc};
use domain::Decimal;

use crate::{row, rows};

row! {
    /// A sale.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Sale in "sale" {
        key { id: String => "text" }
        store: String => "text",
        customer: Option<String> => "text",
        country: String => "text",
        currency: String => "text",
        status: String => "text",
        at: DateTime<Utc> => "timestamptz",
        completed_at: Option<DateTime<Utc>> => "timestamptz",
        lines: i64 => "bigint",
        units: i64 => "bigint",
        gross: Decimal => "numeric",
        refunded: Decimal => "numeric",
        refunded_units: i64 => "bigint",
        returned_units: i64 => "bigint",
        position: i64 => "bigint",
        sequence: i64 => "bigint",
    }
}

row! {
    /// A line of a sale.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct SaleLine in "sale_line" {
        key { position: i64 => "bigint", line: i32 => "integer" }
        sale: String => "text",
        line_no: i64 => "bigint",
        sku: String => "text",
        description: String => "text",
        quantity: i64 => "bigint",
        unit_price: Decimal => "numeric",
        amount: Decimal => "numeric",
        at: DateTime<Utc> => "timestamptz",
    }
}

row! {
    /// A return without receipt.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct ReturnDocument in "return_document" {
        key { id: String => "text" }
        customer: Option<String> => "text",
        store: String => "text",
        country: String => "text",
        currency: String => "text",
        at: DateTime<Utc> => "timestamptz",
        lines: i64 => "bigint",
        units: i64 => "bigint",
        amount: Decimal => "numeric",
        accepted_lines: i64 => "bigint",
        refused_lines: i64 => "bigint",
        unjudged_lines: i64 => "bigint",
        accepted_amount: Decimal => "numeric",
        position: i64 => "bigint",
        sequence: i64 => "bigint",
    }
}

row! {
    /// A line that came back, with or without receipt.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct RefundLine in "refund_line" {
        key { position: i64 => "bigint", line: i32 => "integer" }
        document: String => "text",
        line_no: i64 => "bigint",
        sale: Option<String> => "text",
        customer: Option<String> => "text",
        store: String => "text",
        country: String => "text",
        currency: String => "text",
        sku: String => "text",
        description: Option<String> => "text",
        quantity: i64 => "bigint",
        unit_price: Option<Decimal> => "numeric",
        amount: Decimal => "numeric",
        outcome: String => "text",
        reason: Option<String> => "text",
        balance: Option<i64> => "bigint",
        remark: Option<String> => "text",
        at: DateTime<Utc> => "timestamptz",
    }
}

row! {
    /// A line of a written-off debt.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct BadDebtLine in "bad_debt_line" {
        key { position: i64 => "bigint", line: i32 => "integer" }
        document: String => "text",
        line_no: i64 => "bigint",
        customer: Option<String> => "text",
        store: String => "text",
        country: String => "text",
        currency: String => "text",
        sku: String => "text",
        description: String => "text",
        quantity: i64 => "bigint",
        unit_price: Decimal => "numeric",
        amount: Decimal => "numeric",
        at: DateTime<Utc> => "timestamptz",
    }
}

rows! {
    /// The tables of the schema `sales`.
    pub struct SalesRows {
        sale: Sale,
        sale_line: SaleLine,
        return_document: ReturnDocument,
        refund_line: RefundLine,
        bad_debt_line: BadDebtLine,
    }
}
