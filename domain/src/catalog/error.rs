use thiserror::Error;

use crate::{Kind, Refusal};

/// Why the catalog refuses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// There is no such product.
    #[error("the product does not exist")]
    ProductUnknown,
    /// The SKU is taken.
    #[error("a product with this SKU exists already")]
    ProductExists,
    /// It is no longer sold.
    #[error("the product is discontinued; reinstate it first")]
    Discontinued,
    /// It is sold.
    #[error("the product is not discontinued")]
    NotDiscontinued,
    /// There is no such store.
    #[error("the store does not exist")]
    StoreUnknown,
    /// The store's key is taken.
    #[error("a store with this id exists already")]
    StoreExists,
    /// The store has been closed.
    #[error("the store is closed")]
    StoreClosed,
    /// A price below zero, or one that could not be added up exactly.
    #[error("a price must be 0 to 1,000,000,000,000, with at most 6 decimals")]
    Price,
    /// Not three capital letters.
    #[error("a currency is three capital letters, as in ISO 4217")]
    Currency,
    /// Not one of the IANA database.
    #[error("a time zone is named as in the IANA database, such as Europe/London")]
    TimeZone,
    /// A text that is empty, too long or not printable.
    #[error("{0} must be 1 to 500 printable characters")]
    Text(&'static str),
}

impl Refusal for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::ProductUnknown => "catalog.product_unknown",
            Self::ProductExists => "catalog.product_exists",
            Self::Discontinued => "catalog.product_discontinued",
            Self::NotDiscontinued => "catalog.product_not_discontinued",
            Self::StoreUnknown => "catalog.store_unknown",
            Self::StoreExists => "catalog.store_exists",
            Self::StoreClosed => "catalog.store_closed",
            Self::Price => "catalog.price",
            Self::Currency => "catalog.currency",
            Self::TimeZone => "catalog.time_zone",
            Self::Text(_) => "catalog.text",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::ProductUnknown | Self::StoreUnknown => Kind::Missing,
            Self::ProductExists
            | Self::Discontinued
            | Self::NotDiscontinued
            | Self::StoreExists
            | Self::StoreClosed => Kind::OutOfTurn,
            Self::Price | Self::Currency | Self::TimeZone | Self::Text(_) => Kind::Invalid,
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::Price => Some("/price".to_owned()),
            Self::Currency => Some("/currency".to_owned()),
            Self::TimeZone => Some("/time_zone".to_owned()),
            Self::Text(field) => Some(format!("/{field}")),
            _ => None,
        }
    }
}
