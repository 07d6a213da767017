use rust_decimal::Decimal;
use thiserror::Error;

use crate::{Kind, Refusal};

/// Why a sale, a refund or a return is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// There is no such sale.
    #[error("the sale does not exist")]
    SaleUnknown,
    /// The sale's number is taken.
    #[error("a sale with this id has been recorded already")]
    SaleExists,
    /// Nothing can be added any more.
    #[error("the sale is complete")]
    SaleComplete,
    /// Nothing can be refunded yet.
    #[error("the sale is not complete yet")]
    SaleActive,
    /// The refund's number is taken.
    #[error("a refund with this id has been made on this sale already")]
    RefundExists,
    /// More than was sold and not refunded.
    #[error("{wanted} units of {sku} cannot be refunded: {left} were sold and not yet refunded")]
    RefundExceedsSold {
        /// Of what.
        sku: String,
        /// Units asked for.
        wanted: i64,
        /// Units that could be refunded.
        left: i64,
    },
    /// More than the customer bought and has not returned, over all sales.
    #[error("{wanted} units of {sku} cannot be returned: the customer bought {left} that have not been returned")]
    ReturnExceedsBought {
        /// Of what.
        sku: String,
        /// Units asked for.
        wanted: i64,
        /// Units that could be returned.
        left: i64,
    },
    /// More money than the customer paid and was not given back, over all sales.
    #[error("{wanted} cannot be given back for {sku}: the customer paid {left} that have not been given back")]
    ReturnExceedsPaid {
        /// For what.
        sku: String,
        /// Money asked for.
        wanted: Decimal,
        /// Money that could be given back.
        left: Decimal,
    },
    /// The product was sold at several prices, and nobody says which of them is refunded.
    #[error("{sku} was sold at several prices in this sale; name the line with `line_no`, as the sale shows it")]
    RefundAmbiguous {
        /// Which line of the refund, from 0.
        line: usize,
        /// Of what.
        sku: String,
    },
    /// The sale has no such line.
    #[error("the sale has no such line; name one by `line_no` and `sku` as the sale shows them, or by one of both")]
    RefundLineUnknown {
        /// Which line of the refund, from 0.
        line: usize,
    },
    /// There is no such return.
    #[error("the return does not exist")]
    ReturnUnknown,
    /// The return's number is taken.
    #[error("a return with this id has been recorded already")]
    ReturnExists,
    /// The document's number is taken.
    #[error("a bad debt with this id has been recorded already")]
    BadDebtExists,
    /// Nobody has opened such a store.
    #[error("there is no such store; open it first (importers of history can do without: `--stores any`)")]
    StoreUnknown,
    /// The store sells nothing any more.
    #[error("the store has closed; it sells nothing any more")]
    StoreClosed,
    /// Not what the store trades in.
    #[error("the store trades in {0}, and in nothing else")]
    StoreCurrency(String),
    /// No lines, or too many at once.
    #[error("there must be 1 to 1000 lines")]
    Lines,
    /// More than can be added up exactly.
    #[error("the lines come to more than 1,000,000,000 units or 1,000,000,000,000,000 in money; split the document")]
    Total,
    /// No units, or more than can be counted.
    #[error("a quantity must be above 0 and at most 1,000,000,000")]
    Quantity {
        /// Which line, from 0.
        line: usize,
    },
    /// A price below zero, or one that could not be added up exactly.
    #[error("a price must be 0 to 1,000,000,000,000 (in a bad debt of either sign), with at most 6 decimals")]
    Price {
        /// Which line, from 0.
        line: usize,
    },
    /// Not a SKU.
    #[error("a SKU is 1 to 64 printable characters without `/`")]
    Sku {
        /// Which line, from 0.
        line: usize,
    },
    /// A description that is too long or not printable.
    #[error("a description is at most 500 printable characters")]
    Description {
        /// Which line, from 0.
        line: usize,
    },
    /// A reason that is too long or not printable.
    #[error("a reason is at most 500 printable characters")]
    Reason {
        /// Which line, from 0.
        line: usize,
    },
    /// Not three capital letters.
    #[error("a currency is three capital letters, as in ISO 4217")]
    Currency,
    /// A text that is empty, too long or not printable.
    #[error("{0} must be 1 to 64 printable characters without `/`")]
    Key(&'static str),
}

impl Refusal for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::SaleUnknown => "sales.sale_unknown",
            Self::SaleExists => "sales.sale_exists",
            Self::SaleComplete => "sales.sale_complete",
            Self::SaleActive => "sales.sale_active",
            Self::RefundExists => "sales.refund_exists",
            Self::RefundExceedsSold { .. } => "sales.refund_exceeds_sold",
            Self::ReturnExceedsBought { .. } => "sales.return_exceeds_bought",
            Self::ReturnExceedsPaid { .. } => "sales.return_exceeds_paid",
            Self::RefundAmbiguous { .. } => "sales.refund_ambiguous",
            Self::RefundLineUnknown { .. } => "sales.refund_line_unknown",
            Self::ReturnUnknown => "sales.return_unknown",
            Self::ReturnExists => "sales.return_exists",
            Self::BadDebtExists => "sales.bad_debt_exists",
            Self::StoreUnknown => "sales.store_unknown",
            Self::StoreClosed => "sales.store_closed",
            Self::StoreCurrency(_) => "sales.store_currency",
            Self::Lines => "sales.lines",
            Self::Total => "sales.total",
            Self::Quantity { .. } => "sales.quantity",
            Self::Price { .. } => "sales.price",
            Self::Sku { .. } => "sales.sku",
            Self::Description { .. } => "sales.description",
            Self::Reason { .. } => "sales.reason",
            Self::Currency => "sales.currency",
            Self::Key(_) => "sales.key",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::SaleUnknown | Self::ReturnUnknown => Kind::Missing,
            Self::SaleExists
            | Self::SaleComplete
            | Self::SaleActive
            | Self::RefundExists
            | Self::ReturnExists
            | Self::BadDebtExists
            | Self::StoreClosed => Kind::OutOfTurn,
            Self::RefundExceedsSold { .. }
            | Self::ReturnExceedsBought { .. }
            | Self::ReturnExceedsPaid { .. }
            | Self::RefundAmbiguous { .. }
            | Self::RefundLineUnknown { .. }
            | Self::StoreUnknown
            | Self::StoreCurrency(_)
            | Self::Lines
            | Self::Total
            | Self::Quantity { .. }
            | Self::Price { .. }
            | Self::Sku { .. }
            | Self::Description { .. }
            | Self::Reason { .. }
            | Self::Currency
            | Self::Key(_) => Kind::Invalid,
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::Lines | Self::Total => Some("/lines".to_owned()),
            Self::RefundAmbiguous { line, .. } | Self::RefundLineUnknown { line } => {
                Some(format!("/lines/{line}/line_no"))
            }
            Self::Quantity { line } => Some(format!("/lines/{line}/quantity")),
            Self::Price { line } => Some(format!("/lines/{line}/unit_price")),
            Self::Sku { line } => Some(format!("/lines/{line}/sku")),
            Self::Reason { line } => Some(format!("/lines/{line}/reason")),
            Self::Description { line } => Some(format!("/lines/{line}/description")),
            Self::StoreUnknown | Self::StoreClosed => Some("/store".to_owned()),
            Self::Currency | Self::StoreCurrency(_) => Some("/currency".to_owned()),
            Self::Key(field) => Some(format!("/{field}")),
            _ => None,
        }
    }
}
