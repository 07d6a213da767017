use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::price::is_price;
use crate::text;

/// Most lines in one command.
pub const MAX_LINES: usize = 1000;
/// Most units in one line.
pub(super) const MAX_QUANTITY: i64 = 1_000_000_000;

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
}

impl Line {
    /// Quantity × price, exact.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        Decimal::from(self.quantity) * self.unit_price
    }

    /// The units of the line.
    #[must_use]
    pub fn units(&self) -> Units {
        Units { sku: self.sku.clone(), quantity: self.quantity }
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
    Ok(())
}

pub(crate) fn check_count(lines: usize) -> Result<(), Error> {
    if (1..=MAX_LINES).contains(&lines) { Ok(()) } else { Err(Error::Lines) }
}

pub(crate) fn check_units(line: usize, sku: &str, quantity: i64) -> Result<(), Error> {
    if !text::is_key(sku) {
        Err(Error::Sku { line })
    } else if !(1..=MAX_QUANTITY).contains(&quantity) {
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
    } else if !text::is_currency(currency) {
        Err(Error::Currency)
    } else {
        Ok(())
    }
}
