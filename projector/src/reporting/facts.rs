//! What lines tell of products and documents beside their sums.

use chrono::{DateTime, Utc};
use domain::Decimal;

use super::entry::Place;
use super::rows::{Document, Product};
use super::sums::Sums;

impl Product {
    /// One that no line in this currency has named yet.
    pub(super) fn unseen((sku, currency): (String, String)) -> Self {
        Self { sku, currency, description: String::new(), last_price: None, price_changes: 0 }
    }

    /// Takes a line's word for it. A blank description says nothing.
    pub(super) fn see(&mut self, description: &str, price: Option<Decimal>) {
        if !description.trim().is_empty() && self.description != description {
            description.clone_into(&mut self.description);
        }
        if let Some(price) = price {
            self.price_changes += i64::from(self.last_price.is_some_and(|last| last != price));
            self.last_price = Some(price);
        }
    }
}

impl Document {
    /// One without lines.
    pub(super) fn opened((kind, id): (String, String), place: &Place, at: DateTime<Utc>) -> Self {
        Self {
            kind,
            id,
            store: place.store.clone(),
            country: place.country.clone(),
            customer: place.customer.clone(),
            currency: place.currency.clone(),
            at,
            lines: 0,
            units: 0,
            amount: Decimal::ZERO,
            with_free: false,
        }
    }

    /// Adds lines.
    pub(super) fn add(&mut self, sums: &Sums) {
        let total = sums.total();
        self.lines += total.lines;
        self.units += total.units;
        self.amount += total.amount;
        self.with_free |= sums.free.lines > 0;
    }
}
