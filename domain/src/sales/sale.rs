//! A sale at a point of sale: recorded, completed, refunded by receipt.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::line::{check, check_count, check_document, check_units};
use super::{Error, Line};
use crate::aggregate::aggregate;
use crate::values::text;

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

/// What was sold, and what of it was refunded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    customer: Option<String>,
    lines: Vec<Sold>,
    refunds: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sold {
    sku: String,
    unit_price: Decimal,
    /// Units sold and not refunded.
    left: i64,
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
    /// Of what.
    pub sku: String,
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
    /// Who bought, if that is known.
    #[must_use]
    pub fn customer(&self) -> Option<&str> {
        match self {
            Self::Unknown => None,
            Self::Active(receipt) | Self::Complete(receipt) => receipt.customer.as_deref(),
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
            (_, Event::Recorded { customer, lines, .. }) => {
                let mut receipt = Receipt { customer, ..Receipt::default() };
                receipt.add(lines);
                *self = Self::Active(receipt);
            }
            (Self::Active(receipt), Event::LinesAdded { lines, .. }) => receipt.add(lines),
            (Self::Active(receipt), Event::Completed { .. }) => *self = Self::Complete(std::mem::take(receipt)),
            (Self::Complete(receipt), Event::Refunded { refund, lines, .. }) => {
                for line in lines {
                    receipt.take(&line.sku, line.quantity);
                }
                receipt.refunds.insert(refund);
            }
            (Self::Unknown | Self::Complete(_), Event::LinesAdded { .. } | Event::Completed { .. })
            | (Self::Unknown | Self::Active(_), Event::Refunded { .. }) => {}
        }
    }
}

impl Receipt {
    fn add(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines.into_iter().map(|line| Sold {
            sku: line.sku,
            unit_price: line.unit_price,
            left: line.quantity,
        }));
    }

    /// Takes units back, those sold first before the others, and returns what was paid for them.
    fn take(&mut self, sku: &str, quantity: i64) -> Decimal {
        let mut wanted = quantity;
        let mut amount = Decimal::ZERO;
        for sold in self.lines.iter_mut().filter(|sold| sold.sku == sku) {
            let units = wanted.min(sold.left);
            sold.left -= units;
            wanted -= units;
            amount += Decimal::from(units) * sold.unit_price;
        }
        amount
    }

    fn left(&self, sku: &str) -> i64 {
        self.lines.iter().filter(|sold| sold.sku == sku).map(|sold| sold.left).sum()
    }

    fn refund(&self, refund: String, lines: Vec<RefundLine>, at: DateTime<Utc>) -> Result<Event, Error> {
        if !text::is_key(&refund) {
            return Err(Error::Key("refund"));
        }
        if self.refunds.contains(&refund) {
            return Err(Error::RefundExists);
        }
        check_count(lines.len())?;
        let mut after = self.clone();
        let mut refunded = Vec::with_capacity(lines.len());
        for (number, RefundLine { sku, quantity, reason }) in lines.into_iter().enumerate() {
            check_units(number, &sku, quantity)?;
            if reason.as_deref().is_some_and(|reason| !text::is_note(reason)) {
                return Err(Error::Reason { line: number });
            }
            let left = after.left(&sku);
            if quantity > left {
                return Err(Error::RefundExceedsSold { sku, wanted: quantity, left });
            }
            let amount = after.take(&sku, quantity);
            refunded.push(RefundedLine { sku, quantity, amount, reason });
        }
        let status =
            if after.lines.iter().all(|sold| sold.left == 0) { Status::Refunded } else { Status::PartiallyRefunded };
        Ok(Event::Refunded { refund, lines: refunded, status, at })
    }
}
