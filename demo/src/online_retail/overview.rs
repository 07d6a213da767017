//! What must be known of a file before it is loaded.

use std::collections::{HashMap, HashSet};

use super::rows::{Kind, Row, is_product};
use super::{STORE, store_of};

/// What must be known of the whole file before its first row is sent.
#[derive(Debug, Default)]
pub(super) struct Overview {
    /// Units of each stocked product that must be there at the beginning, so that it never runs out.
    pub(super) opening: HashMap<String, i64>,
    /// Number of the last row of each sale.
    pub(super) last_row: HashMap<String, u64>,
}

impl Overview {
    /// Reads the file once.
    pub(super) fn of(rows: impl Iterator<Item = anyhow::Result<Row>>) -> anyhow::Result<Self> {
        let mut overview = Self::default();
        let mut balance: HashMap<String, (i64, i64)> = HashMap::new();
        let mut adjusted = HashSet::new();
        for (number, row) in (0..).zip(rows) {
            let row = row?;
            match row.kind() {
                Kind::Sale => {
                    overview.last_row.insert(row.invoice_no.clone(), number);
                }
                Kind::Adjustment => {
                    adjusted.insert(row.stock_code.clone());
                }
                Kind::Return | Kind::BadDebt => continue,
            }
            // What leaves in another country's store is not this one's.
            if row.kind() == Kind::Sale || store_of(&row.country) == STORE {
                let moved = if row.kind() == Kind::Sale { -row.quantity } else { row.quantity };
                let (now, lowest) = balance.entry(row.stock_code).or_default();
                *now += moved;
                *lowest = (*lowest).min(*now);
            } else {
                let elsewhere = balance.entry(format!("{}/{}", store_of(&row.country), row.stock_code)).or_default();
                elsewhere.0 += row.quantity;
                elsewhere.1 = elsewhere.1.min(elsewhere.0);
            }
        }
        let is_stocked = |code: &str| code.contains('/') || is_product(code) || adjusted.contains(code);
        overview.opening = balance
            .into_iter()
            .filter(|(code, _)| is_stocked(code))
            .map(|(code, (_, lowest))| (code, -lowest))
            .collect();
        Ok(overview)
    }
}
