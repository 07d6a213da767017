//! What a line adds to every row of sums it belongs to.

use std::ops::AddAssign;

use domain::Decimal;
use domain::sales::purchases::{Outcome, Reason};

/// Lines, their units and their amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) lines: i64,
    pub(super) units: i64,
    pub(super) amount: Decimal,
}

/// Everything about lines that can simply be added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Free lines included.
    pub(super) sold: Tally,
    /// The part of `sold` that cost nothing.
    pub(super) free: Tally,
    pub(super) adjusted: Tally,
    pub(super) bad_debt: Tally,
    pub(super) accepted: Tally,
    pub(super) never_sold: Tally,
    pub(super) exceeds: Tally,
    pub(super) unjudged: Tally,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.units += other.units;
        self.amount += other.amount;
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.sold += other.sold;
        self.free += other.free;
        self.adjusted += other.adjusted;
        self.bad_debt += other.bad_debt;
        self.accepted += other.accepted;
        self.never_sold += other.never_sold;
        self.exceeds += other.exceeds;
        self.unjudged += other.unjudged;
    }
}

impl Sums {
    /// A line of a sale; without a price it was given away.
    pub(super) fn sale(units: i64, amount: Decimal) -> Self {
        let sold = Tally { lines: 1, units, amount };
        let free = if amount.is_zero() { sold } else { Tally::default() };
        Self { sold, free, ..Self::default() }
    }

    /// A line that came back.
    pub(super) fn refund(units: i64, amount: Decimal, outcome: Outcome) -> Self {
        let tally = Tally { lines: 1, units, amount };
        match outcome {
            Outcome::Accepted => Self { accepted: tally, ..Self::default() },
            Outcome::Refused { reason: Reason::NeverSold, .. } => Self { never_sold: tally, ..Self::default() },
            Outcome::Refused { reason: Reason::Exceeds | Reason::ExceedsPaid, .. } => {
                Self { exceeds: tally, ..Self::default() }
            }
            Outcome::Unjudged => Self { unjudged: tally, ..Self::default() },
        }
    }

    /// A correction of stock, which is worth nothing.
    pub(super) fn adjustment(units: i64) -> Self {
        Self { adjusted: Tally { lines: 1, units, amount: Decimal::ZERO }, ..Self::default() }
    }

    /// A line of a debt that was written off.
    pub(super) fn bad_debt(units: i64, amount: Decimal) -> Self {
        Self { bad_debt: Tally { lines: 1, units, amount }, ..Self::default() }
    }

    /// Everything together as a document shows it: what left the house is positive.
    pub(super) fn total(&self) -> Tally {
        let mut claimed = self.accepted;
        claimed += self.never_sold;
        claimed += self.exceeds;
        claimed += self.unjudged;
        Tally {
            lines: self.sold.lines + self.adjusted.lines + self.bad_debt.lines + claimed.lines,
            units: self.sold.units + self.adjusted.units + self.bad_debt.units - claimed.units,
            amount: self.sold.amount + self.bad_debt.amount - claimed.amount,
        }
    }
}
