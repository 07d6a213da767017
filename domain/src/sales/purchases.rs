//! What one customer bought and has not brought back, over all sales.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Error, Units};
use crate::aggregate::aggregate;

/// Per SKU, the units that a customer bought and has not returned; present, though perhaps 0, once any were bought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchases {
    balances: BTreeMap<String, i64>,
}

/// What becomes of one line of a return without receipt. A line is accepted or refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The customer has bought that many.
    Accepted,
    /// The customer has not.
    Refused {
        /// Why.
        reason: Reason,
        /// How many could have been returned.
        balance: i64,
    },
    /// There is no customer whose purchases could tell.
    Unjudged,
}

/// Why a line of a return is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The customer never bought this product.
    NeverSold,
    /// The customer bought fewer, or has returned some.
    Exceeds,
}

/// What can be asked of a customer's purchases.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A sale's units are theirs.
    Buy { sale: String, units: Vec<Units>, at: DateTime<Utc> },
    /// Units come back, with or without receipt, under a document's number.
    Return { document: String, units: Vec<Units>, at: DateTime<Utc> },
}

/// What has happened to a customer's purchases.
#[expect(missing_docs, reason = "each field is what its command said")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Units were bought.
    Bought { sale: String, units: Vec<Units>, at: DateTime<Utc> },
    /// Units came back.
    Returned { document: String, units: Vec<Units>, at: DateTime<Utc> },
}

aggregate!(Purchases in "purchases", refuses with Error,
    Bought => "sales.purchases_bought",
    Returned => "sales.purchases_returned",
);

impl Purchases {
    /// What follows from a command.
    ///
    /// # Errors
    /// When more would come back than was bought.
    pub fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match command {
            Command::Buy { units, .. } | Command::Return { units, .. } if units.is_empty() => Ok(vec![]),
            Command::Buy { sale, units, at } => Ok(vec![Event::Bought { sale, units: summed(units), at }]),
            Command::Return { document, units, at } => {
                let units = summed(units);
                for Units { sku, quantity } in &units {
                    let left = self.balances.get(sku).copied().unwrap_or_default();
                    if *quantity > left {
                        return Err(Error::ReturnExceedsBought { sku: sku.clone(), wanted: *quantity, left });
                    }
                }
                Ok(vec![Event::Returned { document, units, at }])
            }
        }
    }

    /// Judges the lines of a return without receipt, one after another: each accepted line lowers the balance for those after it.
    #[must_use]
    pub fn judge<'a>(&self, lines: impl Iterator<Item = (&'a str, i64)>) -> Vec<Outcome> {
        let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
        lines
            .map(|(sku, quantity)| {
                let bought = self.balances.get(sku);
                let taken = taken.entry(sku).or_default();
                let balance = bought.copied().unwrap_or_default() - *taken;
                if quantity <= balance {
                    *taken += quantity;
                    return Outcome::Accepted;
                }
                Outcome::Refused { reason: if bought.is_none() { Reason::NeverSold } else { Reason::Exceeds }, balance }
            })
            .collect()
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        let (units, sign) = match event {
            Event::Bought { units, .. } => (units, 1),
            Event::Returned { units, .. } => (units, -1),
        };
        for Units { sku, quantity } in units {
            *self.balances.entry(sku).or_default() += sign * quantity;
        }
    }
}

/// One entry per SKU, so that a document's lines of one product count together.
fn summed(units: Vec<Units>) -> Vec<Units> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for Units { sku, quantity } in units {
        *sums.entry(sku).or_default() += quantity;
    }
    sums.into_iter().map(|(sku, quantity)| Units { sku, quantity }).collect()
}
