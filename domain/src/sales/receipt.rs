//! What was sold in a sale, and what of it was refunded.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::line::{check_count, check_units};
use super::sale::{Event, RefundLine, RefundedLine, Status};
use super::{Error, Line};
use crate::values::text;

/// What was sold, and what of it was refunded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    store: String,
    customer: Option<String>,
    currency: String,
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

impl Receipt {
    pub(super) fn of(store: String, customer: Option<String>, currency: String, lines: Vec<Line>) -> Self {
        let mut receipt = Self { store, customer, currency, ..Self::default() };
        receipt.add(lines);
        receipt
    }

    /// Who bought, if that is known.
    #[must_use]
    pub fn customer(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    /// Where.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.store
    }

    /// What its amounts are in.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    pub(super) fn add(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines.into_iter().map(|line| Sold {
            sku: line.sku,
            unit_price: line.unit_price,
            left: line.quantity,
        }));
    }

    pub(super) fn refunded(&mut self, refund: String, lines: &[RefundedLine]) {
        for line in lines {
            self.take(&line.sku, line.line_no, line.quantity);
        }
        self.refunds.insert(refund);
    }

    /// The lines of a product, or the one with this number if it is of that product.
    fn lines(&mut self, sku: &str, line_no: Option<i64>) -> impl Iterator<Item = &mut Sold> {
        (1..)
            .zip(&mut self.lines)
            .filter(move |(number, sold)| sold.sku == sku && line_no.is_none_or(|line_no| line_no == *number))
            .map(|(_, sold)| sold)
    }

    /// Takes units back, those sold first before the others, and returns what was paid for them.
    fn take(&mut self, sku: &str, line_no: Option<i64>, quantity: i64) -> Decimal {
        let mut wanted = quantity;
        let mut amount = Decimal::ZERO;
        for sold in self.lines(sku, line_no) {
            let units = wanted.min(sold.left);
            sold.left -= units;
            wanted -= units;
            amount += Decimal::from(units) * sold.unit_price;
        }
        amount
    }

    /// The product that a line of a refund is about.
    fn sku(&self, line: usize, wanted: &RefundLine) -> Result<String, Error> {
        let Some(line_no) = wanted.line_no else { return wanted.sku.clone().ok_or(Error::RefundLineUnknown { line }) };
        let index = usize::try_from(line_no).ok().and_then(|number| number.checked_sub(1));
        let sold = index.and_then(|index| self.lines.get(index)).ok_or(Error::RefundLineUnknown { line })?;
        match &wanted.sku {
            Some(sku) if *sku != sold.sku => Err(Error::RefundLineUnknown { line }),
            _ => Ok(sold.sku.clone()),
        }
    }

    fn refund_line(&mut self, line: usize, wanted: RefundLine) -> Result<RefundedLine, Error> {
        let sku = self.sku(line, &wanted)?;
        let RefundLine { line_no, quantity, reason, .. } = wanted;
        check_units(line, &sku, quantity)?;
        if reason.as_deref().is_some_and(|reason| !text::is_note(reason)) {
            return Err(Error::Reason { line });
        }
        let left: Vec<_> =
            self.lines(&sku, line_no).filter(|sold| sold.left > 0).map(|sold| (sold.left, sold.unit_price)).collect();
        let units = left.iter().map(|(units, _)| units).sum();
        if quantity > units {
            return Err(Error::RefundExceedsSold { sku, wanted: quantity, left: units });
        }
        // All that is left comes to one amount, whatever the prices.
        if quantity < units && left.windows(2).any(|pair| pair[0].1 != pair[1].1) {
            return Err(Error::RefundAmbiguous { line, sku });
        }
        let amount = self.take(&sku, line_no, quantity);
        Ok(RefundedLine { sku, line_no, quantity, amount, reason })
    }

    pub(super) fn refund(&self, refund: String, lines: Vec<RefundLine>, at: DateTime<Utc>) -> Result<Event, Error> {
        if !text::is_key(&refund) {
            return Err(Error::Key("refund"));
        }
        if self.refunds.contains(&refund) {
            return Err(Error::RefundExists);
        }
        check_count(lines.len())?;
        let mut after = self.clone();
        let lines = lines.into_iter().enumerate().map(|(number, line)| after.refund_line(number, line));
        let lines = lines.collect::<Result<_, _>>()?;
        let status =
            if after.lines.iter().all(|sold| sold.left == 0) { Status::Refunded } else { Status::PartiallyRefunded };
        Ok(Event::Refunded { refund, lines, status, at })
    }
}
