//! The tables of `schema.sql`, as the fold sees them: generated columns are the database's own.

use chrono::{DateTime, Utc};
use domain::Decimal;

use crate::{row, rows};

row! {
    /// A product.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Product in "product" {
        key { sku: String => "text" }
        name: String => "text",
        price: Decimal => "numeric",
        currency: String => "text",
        category: Option<String> => "text",
        status: String => "text",
        reason: Option<String> => "text",
        sequence: i64 => "bigint",
    }
}

row! {
    /// A store.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Store in "store" {
        key { id: String => "text" }
        name: String => "text",
        country: String => "text",
        currency: String => "text",
        status: String => "text",
        opened_at: DateTime<Utc> => "timestamptz",
        closed_at: Option<DateTime<Utc>> => "timestamptz",
        sequence: i64 => "bigint",
    }
}

rows! {
    /// The tables of the schema `catalog`.
    pub struct CatalogRows {
        product: Product,
        store: Store,
    }
}
