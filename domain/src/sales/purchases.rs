//! What one customer bought, paid and has not brought back, over all sales.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rpds::RedBlackTreeMapSync;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::bought::{Bought, Room};
use super::{Error, Units};
use crate::aggregate::aggregate;

/// Per SKU and currency, what a customer bought and has not returned; present, though perhaps used up, once any was bought. Copies share
/// what they have in common: each command on a customer's purchases makes one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchases {
    bought: RedBlackTreeMapSync<String, Bought>,
}

/// What becomes of one line of a return without receipt. A line is accepted or refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The customer has bought that many, and paid as much.
    Accepted,
    /// The customer has not.
    Refused {
        /// Why.
        reason: Reason,
        /// How many could have been returned.
        balance: i64,
        /// How much money could have been given back, where more was claimed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        paid: Option<Decimal>,
    },
    /// There is no customer whose purchases could tell.
    Unjudged,
}

/// Why a line of a return is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The customer never bought this product in this currency.
    NeverSold,
    /// The customer bought fewer, or has returned some.
    Exceeds,
    /// The customer paid less, or has been given back some.
    ExceedsPaid,
}

impl Outcome {
    /// As read models and answers call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused { .. } => "refused",
            Self::Unjudged => "unjudged",
        }
    }
}

impl Reason {
    /// As read models and answers call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverSold => "never_sold",
            Self::Exceeds => "exceeds",
            Self::ExceedsPaid => "exceeds_paid",
        }
    }
}

/// Units of a sale that have come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The sale that they were bought in.
    pub sale: String,
    /// Of what.
    pub sku: String,
    /// How many.
    pub quantity: i64,
}

/// What can be asked of a customer's purchases.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A sale's units are theirs.
    Buy { sale: String, currency: String, units: Vec<Units>, at: DateTime<Utc> },
    /// Units come back under a document's number; with a receipt, that is the number of the sale.
    Return { document: String, receipt: bool, currency: String, units: Vec<Units>, at: DateTime<Utc> },
}

/// What has happened to a customer's purchases. Events written before money was judged have no currency.
#[expect(missing_docs, reason = "each field is what its command said, or is documented with its type")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Units were bought.
    Bought {
        sale: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        currency: Option<String>,
        units: Vec<Units>,
        at: DateTime<Utc>,
    },
    /// Units came back, and of which sales they are taken to be.
    Returned {
        document: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        receipt: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        currency: Option<String>,
        units: Vec<Units>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        of: Vec<Taken>,
        at: DateTime<Utc>,
    },
}

aggregate!(Purchases in "purchases", refuses with Error,
    Bought => "sales.purchases_bought",
    Returned => "sales.purchases_returned",
);

impl Purchases {
    /// What follows from a command.
    ///
    /// # Errors
    /// When more would come back than was bought, or more money than was paid.
    pub fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        match command {
            Command::Buy { units, .. } | Command::Return { units, .. } if units.is_empty() => Ok(vec![]),
            Command::Buy { sale, currency, units, at } => {
                Ok(vec![Event::Bought { sale, currency: Some(currency), units: summed(units), at }])
            }
            Command::Return { document, receipt, currency, units, at } => {
                let units = summed(units);
                let mut of = Vec::new();
                for Units { sku, quantity, amount } in &units {
                    let (quantity, amount) = (*quantity, amount.unwrap_or_default());
                    let room = self.room(sku, &currency);
                    if quantity > room.units {
                        return Err(Error::ReturnExceedsBought {
                            sku: sku.clone(),
                            wanted: quantity,
                            left: room.units,
                        });
                    }
                    if let Some(left) = room.paid.filter(|paid| amount > *paid) {
                        return Err(Error::ReturnExceedsPaid { sku: sku.clone(), wanted: amount, left });
                    }
                    let first = receipt.then_some(document.as_str());
                    let lots = self.bought.get(sku).map(|bought| bought.lots(&currency, first, quantity));
                    let taken = lots.into_iter().flatten();
                    of.extend(taken.map(|(sale, quantity)| Taken { sale, sku: sku.clone(), quantity }));
                }
                Ok(vec![Event::Returned { document, receipt, currency: Some(currency), units, of, at }])
            }
        }
    }

    fn room(&self, sku: &str, currency: &str) -> Room {
        self.bought.get(sku).map(|bought| bought.room(currency)).unwrap_or_default()
    }

    /// Judges the lines of a return without receipt, one after another, in its currency: each accepted line lowers what is left for those
    /// after it.
    #[must_use]
    pub fn judge<'a>(&self, currency: &str, lines: impl Iterator<Item = (&'a str, i64, Decimal)>) -> Vec<Outcome> {
        let mut left: BTreeMap<&str, Room> = BTreeMap::new();
        let judge = |(sku, quantity, amount)| {
            let room = left.entry(sku).or_insert_with(|| self.room(sku, currency));
            let refused = |reason, paid| Outcome::Refused { reason, balance: room.units, paid };
            if quantity > room.units {
                return refused(if room.known { Reason::Exceeds } else { Reason::NeverSold }, None);
            }
            if room.paid.is_some_and(|paid| amount > paid) {
                return refused(Reason::ExceedsPaid, room.paid);
            }
            room.units -= quantity;
            room.paid = room.paid.map(|paid| paid - amount);
            Outcome::Accepted
        };
        lines.map(judge).collect()
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        match event {
            Event::Bought { sale, currency, units, .. } => {
                let currency = currency.unwrap_or_default();
                for Units { sku, quantity, amount } in units {
                    let mut bought = self.bought.get(&sku).cloned().unwrap_or_default();
                    bought.add(&currency, &sale, quantity, amount.unwrap_or_default());
                    self.bought.insert_mut(sku, bought);
                }
            }
            Event::Returned { document, currency, units, of, .. } => {
                let currency = currency.unwrap_or_default();
                for Units { sku, quantity, amount } in units {
                    let mut bought = self.bought.get(&sku).cloned().unwrap_or_default();
                    if of.is_empty() {
                        // Written before it was told of which sales they are.
                        for (sale, units) in bought.lots(&currency, Some(&document), quantity) {
                            bought.take(&currency, &sale, units);
                        }
                    }
                    for taken in of.iter().filter(|taken| taken.sku == sku) {
                        bought.take(&currency, &taken.sale, taken.quantity);
                    }
                    bought.give_back(&currency, amount.unwrap_or_default());
                    self.bought.insert_mut(sku, bought);
                }
            }
        }
    }
}

/// One entry per SKU, so that a document's lines of one product count together.
fn summed(units: Vec<Units>) -> Vec<Units> {
    let mut sums: BTreeMap<String, (i64, Decimal)> = BTreeMap::new();
    for Units { sku, quantity, amount } in units {
        let sum = sums.entry(sku).or_default();
        *sum = (sum.0 + quantity, sum.1 + amount.unwrap_or_default());
    }
    let units = sums.into_iter().map(|(sku, (quantity, amount))| Units { sku, quantity, amount: Some(amount) });
    units.collect()
}
