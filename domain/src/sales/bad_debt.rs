//! Money that will not come in, or does after all.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Error;
use super::line::{check_count, check_document, check_total};
use crate::aggregate::aggregate;
use crate::values::money::is_signed_price;
use crate::values::{number, text};

/// A correction of what is owed, as a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadDebt {
    /// There is none under this number.
    #[default]
    Unknown,
    /// It is on record.
    Recorded,
}

/// A line of a correction. Quantity and price may have any sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BadDebtLine {
    /// Which account.
    pub sku: String,
    /// As it stands on the document; may be empty.
    pub description: String,
    /// How many times.
    pub quantity: i64,
    /// How much each time.
    pub unit_price: Decimal,
}

impl BadDebtLine {
    /// Quantity × price, exact.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        Decimal::from(self.quantity) * self.unit_price
    }
}

/// What can be asked of bad debt.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Records it.
    Record {
        store: String,
        customer: Option<String>,
        country: String,
        currency: String,
        lines: Vec<BadDebtLine>,
        at: DateTime<Utc>,
    },
}

/// What has happened to bad debt.
#[expect(missing_docs, reason = "each field is what its command said")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was recorded.
    Recorded {
        store: String,
        customer: Option<String>,
        country: String,
        currency: String,
        lines: Vec<BadDebtLine>,
        at: DateTime<Utc>,
    },
}

aggregate!(BadDebt in "bad_debt", refuses with Error, Recorded => "sales.bad_debt_recorded");

impl BadDebt {
    /// What follows from a command.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decide(self, command: Command) -> Result<Vec<Event>, Error> {
        let Command::Record { store, customer, country, currency, lines, at } = command;
        if self == Self::Recorded {
            return Err(Error::BadDebtExists);
        }
        check_document(&store, customer.as_deref(), &country, &currency)?;
        check_count(lines.len())?;
        for (line, of) in lines.iter().enumerate() {
            if !text::is_key(&of.sku) {
                return Err(Error::Sku { line });
            }
            if !number::is_change(of.quantity) {
                return Err(Error::Quantity { line });
            }
            if !is_signed_price(of.unit_price) {
                return Err(Error::Price { line });
            }
            if !text::is_note(&of.description) {
                return Err(Error::Description { line });
            }
        }
        check_total(lines.iter().map(|of| (of.quantity, of.amount())))?;
        Ok(vec![Event::Recorded { store, customer, country, currency, lines, at }])
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        match event {
            Event::Recorded { .. } => *self = Self::Recorded,
        }
    }
}
