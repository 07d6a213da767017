//! A sale at a point of sale: recorded, completed, refunded by receipt.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::line::{check, check_document};
use super::{Error, Line};
use crate::aggregate::aggregate;

pub use super::receipt::Receipt;

/// A sale, from before it is recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sale {
    /// There is none under this number.
    #[default]
    Unknown,
    /// Lines may still be added.
    Active(Receipt),
    /// Nothing is added any more; lines may be refunded.
    Complete(Receipt),
}

/// How much of a complete sale has come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A part of it.
    PartiallyRefunded,
    /// All of it.
    Refunded,
}

/// What is to be refunded of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundLine {
    /// Of what. With the number of a line it need not be told.
    pub sku: Option<String>,
    /// Which line of the sale, from 1. Needed where the product was sold at several prices.
    pub line_no: Option<i64>,
    /// How many units.
    pub quantity: i64,
    /// Why, in the customer's words.
    pub reason: Option<String>,
}

/// What was refunded of a sale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefundedLine {
    /// Of what.
    pub sku: String,
    /// Which line of the sale, from 1, if it was named; else the first lines of the product that had units left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_no: Option<i64>,
    /// How many units.
    pub quantity: i64,
    /// What was paid for them in this sale.
    pub amount: Decimal,
    /// Why, in the customer's words.
    pub reason: Option<String>,
}

/// What can be asked of a sale.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Records it with its first lines.
    Record {
        store: String,
        customer: Option<String>,
        country: String,
        currency: String,
        lines: Vec<Line>,
        at: DateTime<Utc>,
    },
    /// Adds lines.
    AddLines { lines: Vec<Line>, at: DateTime<Utc> },
    /// Closes it: nothing is added from now on.
    Complete { at: DateTime<Utc> },
    /// Takes units back by receipt, under the refund's own number.
    Refund { refund: String, lines: Vec<RefundLine>, at: DateTime<Utc> },
}

/// What has happened to a sale.
#[expect(missing_docs, reason = "each field is what its command said, or is documented with its type")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was recorded.
    Recorded {
        store: String,
        customer: Option<String>,
        country: String,
        currency: String,
        lines: Vec<Line>,
        at: DateTime<Utc>,
    },
    /// Lines were added.
    LinesAdded { lines: Vec<Line>, at: DateTime<Utc> },
    /// It was closed.
    Completed { at: DateTime<Utc> },
    /// Units were taken back.
    Refunded { refund: String, lines: Vec<RefundedLine>, status: Status, at: DateTime<Utc> },
}

aggregate!(Sale in "sale", refuses with Error,
    Recorded => "sales.recorded",
    LinesAdded => "sales.lines_added",
    Completed => "sales.completed",
    Refunded => "sales.refunded",
);

impl Sale {
    /// What was sold to whom, once it is recorded.
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Unknown => None,
            Self::Active(receipt) | Self::Complete(receipt) => Some(receipt),
        }
    }

    /// What follows from a command.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        let event = match (self, command) {
            (Self::Unknown, Command::Record { store, customer, country, currency, lines, at }) => {
                check_document(&store, customer.as_deref(), &country, &currency)?;
                check(&lines)?;
                Event::Recorded { store, customer, country, currency, lines, at }
            }
            (Self::Active(_) | Self::Complete(_), Command::Record { .. }) => return Err(Error::SaleExists),
            (Self::Unknown, _) => return Err(Error::SaleUnknown),
            (Self::Active(_), Command::AddLines { lines, at }) => {
                check(&lines)?;
                Event::LinesAdded { lines, at }
            }
            (Self::Active(_), Command::Complete { at }) => Event::Completed { at },
            (Self::Complete(_), Command::AddLines { .. } | Command::Complete { .. }) => {
                return Err(Error::SaleComplete);
            }
            (Self::Active(_), Command::Refund { .. }) => return Err(Error::SaleActive),
            (Self::Complete(receipt), Command::Refund { refund, lines, at }) => receipt.refund(refund, lines, at)?,
        };
        Ok(vec![event])
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        match (&mut *self, event) {
            (_, Event::Recorded { store, customer, currency, lines, .. }) => {
                *self = Self::Active(Receipt::of(store, customer, currency, lines));
            }
            (Self::Active(receipt), Event::LinesAdded { lines, .. }) => receipt.add(lines),
            (Self::Active(receipt), Event::Completed { .. }) => *self = Self::Complete(std::mem::take(receipt)),
            (Self::Complete(receipt), Event::Refunded { refund, lines, .. }) => {
                receipt.refunded(refund, &lines);
            }
            (Self::Unknown | Self::Complete(_), Event::LinesAdded { .. } | Event::Completed { .. })
            | (Self::Unknown | Self::Active(_), Event::Refunded { .. }) => {}
        }
    }
}
