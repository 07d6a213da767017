use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::values::money::is_price;
use crate::values::number::{self, MAX_QUANTITY};
use crate::values::{money, text};

/// Most lines in one command.
pub const MAX_LINES: usize = 1000;

/// A line of a receipt. A free item has the price 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub sku: String,
    /// As it stands on the receipt; may be empty.
    pub description: String,
    /// How many units.
    pub quantity: i64,
    /// For one unit.
    pub unit_price: Decimal,
}

/// So many units of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// Of what.
    pub sku: String,
    /// How many.
    pub quantity: i64,
    /// What was paid for them, or is given back; not recorded in the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
}

impl Line {
    /// Quantity × price, exact.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        Decimal::from(self.quantity) * self.unit_price
    }

    /// The units of the line, and what they come to.
    #[must_use]
    pub fn units(&self) -> Units {
        Units { sku: self.sku.clone(), quantity: self.quantity, amount: Some(self.amount()) }
    }
}

/// # Errors
/// The first thing that is wrong with the lines.
pub(crate) fn check(lines: &[Line]) -> Result<(), Error> {
    check_count(lines.len())?;
    for (line, of) in lines.iter().enumerate() {
        check_units(line, &of.sku, of.quantity)?;
        if !is_price(of.unit_price) {
            return Err(Error::Price { line });
        }
        if !text::is_note(&of.description) {
            return Err(Error::Description { line });
        }
    }
    check_total(lines.iter().map(|of| (of.quantity, of.amount())))
}

/// # Errors
/// When lines come to more units or more money than can be added up exactly with what others come to.
pub(crate) fn check_total(lines: impl Iterator<Item = (i64, Decimal)> + Clone) -> Result<(), Error> {
    let units = lines.clone().try_fold(0_i64, |sum, (units, _)| sum.checked_add(units));
    let fits = units.is_some_and(|units| (-MAX_QUANTITY..=MAX_QUANTITY).contains(&units));
    if fits && money::total(lines.map(|(_, amount)| amount)).is_some() { Ok(()) } else { Err(Error::Total) }
}

pub(crate) fn check_count(lines: usize) -> Result<(), Error> {
    if (1..=MAX_LINES).contains(&lines) { Ok(()) } else { Err(Error::Lines) }
}

pub(crate) fn check_units(line: usize, sku: &str, quantity: i64) -> Result<(), Error> {
    if !text::is_key(sku) {
        Err(Error::Sku { line })
    } else if !number::is_quantity(quantity) {
        Err(Error::Quantity { line })
    } else {
        Ok(())
    }
}

/// # Errors
/// When a key or the currency of a document is not one.
pub(crate) fn check_document(store: &str, customer: Option<&str>, country: &str, currency: &str) -> Result<(), Error> {
    if !text::is_key(store) {
        Err(Error::Key("store"))
    } else if !customer.is_none_or(text::is_key) {
        Err(Error::Key("customer"))
    } else if !text::is_key(country) {
        Err(Error::Key("country"))
    } else if !money::is_currency(currency) {
        Err(Error::Currency)
    } else {
        Ok(())
    }
}
