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
    pub(super) sold: Tally,
    pub(super) free: Tally,
    pub(super) adjusted: Tally,
    pub(super) bad_debt: Tally,
    pub(super) accepted: Tally,
    pub(super) refused_never_sold: Tally,
    pub(super) refused_exceeds: Tally,
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
        self.refused_never_sold += other.refused_never_sold;
        self.refused_exceeds += other.refused_exceeds;
        self.unjudged += other.unjudged;
    }
}

impl Sums {
    /// A line of a sale: sold when it has a price, otherwise given away.
    pub(super) fn sale(units: i64, amount: Decimal) -> Self {
        let tally = Tally { lines: 1, units, amount };
        if amount.is_zero() { Self { free: tally, ..Self::default() } } else { Self { sold: tally, ..Self::default() } }
    }

    /// A line that came back.
    pub(super) fn refund(units: i64, amount: Decimal, outcome: Outcome) -> Self {
        let tally = Tally { lines: 1, units, amount };
        match outcome {
            Outcome::Accepted => Self { accepted: tally, ..Self::default() },
            Outcome::Refused { reason: Reason::NeverSold, .. } => Self { refused_never_sold: tally, ..Self::default() },
            Outcome::Refused { reason: Reason::Exceeds, .. } => Self { refused_exceeds: tally, ..Self::default() },
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

    /// All refund lines, refused ones included.
    pub(super) fn refunds(&self) -> Tally {
        let mut all = self.accepted;
        all += self.refused_never_sold;
        all += self.refused_exceeds;
        all += self.unjudged;
        all
    }

    /// Everything together as a document shows it: what left the house is positive.
    pub(super) fn total(&self) -> Tally {
        let refunds = self.refunds();
        Tally {
            lines: self.sold.lines + self.free.lines + self.adjusted.lines + self.bad_debt.lines + refunds.lines,
            units: self.sold.units + self.free.units + self.adjusted.units + self.bad_debt.units - refunds.units,
            amount: self.sold.amount + self.bad_debt.amount - refunds.amount,
        }
    }
}
