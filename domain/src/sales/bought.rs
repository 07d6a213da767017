//! What a customer bought of one product: units by the sale they were bought in, and the money paid for all of them, per currency.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What was bought before the currency was recorded is kept under no currency: it is judged by units alone.
const UNRECORDED: &str = "";

/// Per currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bought(BTreeMap<String, Pool>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pool {
    /// Money paid and not given back.
    paid: Decimal,
    /// Units bought and not returned, the oldest sale first.
    lots: Vec<(String, i64)>,
}

/// How much may come back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Room {
    /// Whether any was ever bought.
    pub(super) known: bool,
    pub(super) units: i64,
    /// Without an amount, any.
    pub(super) paid: Option<Decimal>,
}

impl Pool {
    fn units(&self) -> i64 {
        self.lots.iter().map(|(_, left)| left).sum()
    }
}

impl Bought {
    /// How much may come back in a currency.
    pub(super) fn room(&self, currency: &str) -> Room {
        let pool = self.0.get(currency);
        let old = self.0.get(UNRECORDED).filter(|_| currency != UNRECORDED).map(Pool::units);
        let paid = pool.map(|pool| pool.paid).unwrap_or_default();
        Room {
            known: pool.is_some() || old.is_some(),
            units: pool.map(Pool::units).unwrap_or_default() + old.unwrap_or_default(),
            paid: if old.unwrap_or_default() > 0 { None } else { Some(paid) },
        }
    }

    /// The sales that so many units are taken to be of: that of the receipt first, then the oldest.
    pub(super) fn lots(&self, currency: &str, receipt: Option<&str>, units: i64) -> Vec<(String, i64)> {
        let mut lots: Vec<&(String, i64)> = self.pools(currency).flat_map(|pool| &pool.lots).collect();
        // Stable: the others stay in their order.
        lots.sort_by_key(|(sale, _)| receipt != Some(sale));
        let mut wanted = units;
        let taken = lots.into_iter().map(|(sale, left)| {
            let units = wanted.min(*left);
            wanted -= units;
            (sale.clone(), units)
        });
        taken.take_while(|(_, units)| *units > 0).collect()
    }

    /// A sale's units are theirs.
    pub(super) fn add(&mut self, currency: &str, sale: &str, units: i64, amount: Decimal) {
        let pool = self.0.entry(currency.to_owned()).or_default();
        pool.paid += amount;
        match pool.lots.iter_mut().find(|(of, _)| of == sale) {
            Some((_, left)) => *left += units,
            None => pool.lots.push((sale.to_owned(), units)),
        }
    }

    /// Units of a sale are no longer theirs.
    pub(super) fn take(&mut self, currency: &str, sale: &str, units: i64) {
        let mut wanted = units;
        for of in [currency, UNRECORDED] {
            let Some(pool) = self.0.get_mut(of).filter(|_| wanted > 0) else { continue };
            for (_, left) in pool.lots.iter_mut().filter(|(of, _)| of == sale) {
                let units = wanted.min(*left);
                *left -= units;
                wanted -= units;
            }
            pool.lots.retain(|(_, left)| *left > 0);
        }
    }

    /// Money is given back.
    pub(super) fn give_back(&mut self, currency: &str, amount: Decimal) {
        if let Some(pool) = self.0.get_mut(currency) {
            pool.paid = (pool.paid - amount).max(Decimal::ZERO);
        }
    }

    fn pools(&self, currency: &str) -> impl Iterator<Item = &Pool> {
        let unrecorded = Some(UNRECORDED).filter(|_| currency != UNRECORDED);
        [Some(currency), unrecorded].into_iter().flatten().filter_map(|of| self.0.get(of))
    }
}
