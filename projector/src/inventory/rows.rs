//! The tables of `schema.sql`, as the fold sees them: generated columns are the database's own.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{row, rows};

row! {
    /// What a store has of a product.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    #[derive(Default)]
    pub struct Stock in "stock" {
        key { store: String => "text", sku: String => "text" }
        on_hand: i64 => "bigint",
        reserved: i64 => "bigint",
        received: i64 => "bigint",
        issued: i64 => "bigint",
        adjusted: i64 => "bigint",
        transferred_in: i64 => "bigint",
        transferred_out: i64 => "bigint",
        reorder_level: Option<i64> => "bigint",
        low: bool => "boolean",
        alert_position: Option<i64> => "bigint",
        position: i64 => "bigint",
        sequence: i64 => "bigint",
    }
}

row! {
    /// Units put aside.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Reservation in "reservation" {
        key { store: String => "text", sku: String => "text", id: Uuid => "uuid" }
        quantity: i64 => "bigint",
        status: String => "text",
        reserved_at: DateTime<Utc> => "timestamptz",
        expires_at: DateTime<Utc> => "timestamptz",
        settled_at: Option<DateTime<Utc>> => "timestamptz",
        position: i64 => "bigint",
    }
}

row! {
    /// A time when stock ran low.
    #[expect(missing_docs, reason = "its fields are the columns of schema.sql, which tells what they mean")]
    pub struct Alert in "alert" {
        key { raised_position: i64 => "bigint" }
        store: String => "text",
        sku: String => "text",
        available: i64 => "bigint",
        level: i64 => "bigint",
        raised_at: DateTime<Utc> => "timestamptz",
        cleared_position: Option<i64> => "bigint",
        cleared_at: Option<DateTime<Utc>> => "timestamptz",
    }
}

rows! {
    /// The tables of the schema `inventory`.
    pub struct InventoryRows {
        stock: Stock,
        reservation: Reservation,
        alert: Alert,
    }
}
