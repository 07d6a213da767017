//! A return without receipt, as a document: what came back, and what became of each line.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::line::{check, check_document};
use super::purchases::Outcome;
use super::{Error, Line};
use crate::aggregate::aggregate;

/// A return without receipt. Refused lines are on record, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Return {
    /// There is none under this number.
    #[default]
    Unknown,
    /// It is on record.
    Recorded {
        /// Who brought the goods back, if that is known.
        customer: Option<String>,
        /// What it is in.
        currency: String,
    },
}

/// A line of a return with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedLine {
    /// What.
    pub sku: String,
    /// As it stands on the document; may be empty.
    pub description: String,
    /// How many units.
    pub quantity: i64,
    /// What is claimed for one unit.
    pub unit_price: Decimal,
    /// What became of it.
    pub outcome: Outcome,
}

impl JudgedLine {
    /// A line and what became of it.
    #[must_use]
    pub fn new(line: Line, outcome: Outcome) -> Self {
        let Line { sku, description, quantity, unit_price } = line;
        Self { sku, description, quantity, unit_price, outcome }
    }

    /// Quantity × price, exact.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        Decimal::from(self.quantity) * self.unit_price
    }
}

/// What can be asked of a return.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Records it with its first lines.
    Record {
        customer: Option<String>,
        store: String,
        country: String,
        currency: String,
        lines: Vec<JudgedLine>,
        at: DateTime<Utc>,
    },
    /// Adds lines.
    AddLines { lines: Vec<JudgedLine>, at: DateTime<Utc> },
}

/// What has happened to a return.
#[expect(missing_docs, reason = "each field is what its command said")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was recorded.
    Recorded {
        customer: Option<String>,
        store: String,
        country: String,
        currency: String,
        lines: Vec<JudgedLine>,
        at: DateTime<Utc>,
    },
    /// Lines were added.
    LinesAdded { lines: Vec<JudgedLine>, at: DateTime<Utc> },
}

aggregate!(Return in "return", refuses with Error,
    Recorded => "sales.return_recorded",
    LinesAdded => "sales.return_lines_added",
);

impl Return {
    /// Who brought the goods back, if that is known.
    #[must_use]
    pub fn customer(&self) -> Option<&str> {
        match self {
            Self::Unknown => None,
            Self::Recorded { customer, .. } => customer.as_deref(),
        }
    }

    /// What its amounts are in; empty as long as it is unknown.
    #[must_use]
    pub fn currency(&self) -> &str {
        match self {
            Self::Unknown => "",
            Self::Recorded { currency, .. } => currency,
        }
    }

    /// What follows from a command.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        let event = match (self, command) {
            (Self::Unknown, Command::Record { customer, store, country, currency, lines, at }) => {
                check_document(&store, customer.as_deref(), &country, &currency)?;
                check_judged(&lines)?;
                Event::Recorded { customer, store, country, currency, lines, at }
            }
            (Self::Recorded { .. }, Command::Record { .. }) => return Err(Error::ReturnExists),
            (Self::Unknown, Command::AddLines { .. }) => return Err(Error::ReturnUnknown),
            (Self::Recorded { .. }, Command::AddLines { lines, at }) => {
                check_judged(&lines)?;
                Event::LinesAdded { lines, at }
            }
        };
        Ok(vec![event])
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        match event {
            Event::Recorded { customer, currency, .. } => *self = Self::Recorded { customer, currency },
            Event::LinesAdded { .. } => {}
        }
    }
}

fn check_judged(lines: &[JudgedLine]) -> Result<(), Error> {
    let lines: Vec<Line> = lines
        .iter()
        .map(|JudgedLine { sku, description, quantity, unit_price, .. }| Line {
            sku: sku.clone(),
            description: description.clone(),
            quantity: *quantity,
            unit_price: *unit_price,
        })
        .collect();
    check(&lines)
}
