//! A row of sums, and how it grows.

use domain::Decimal;

use super::fold::Documents;
use super::rows::Figures;
use super::sums::{Sums, Tally};

impl Figures {
    /// Sums of nothing. Documents are not counted by product and category, nor customers by them and by customer.
    pub(super) fn nothing((dimension, value, currency): (String, String, String)) -> Self {
        let of_lines = ["product", "category"].contains(&dimension.as_str());
        let per_document = (!of_lines).then_some(0);
        let per_customer = (!of_lines && dimension != "customer").then_some(0);
        Self {
            dimension,
            value,
            currency,
            sale_documents: per_document,
            free_documents: per_document,
            refund_documents: per_document,
            adjustment_documents: per_document,
            bad_debt_documents: per_document,
            active_customers: per_customer,
            new_customers: per_customer,
            ..Self::default()
        }
    }

    /// Adds what lines came to.
    pub(super) fn add(&mut self, sums: &Sums) {
        let add = |lines: &mut i64, units: &mut i64, amount: &mut Decimal, tally: &Tally| {
            *lines += tally.lines;
            *units += tally.units;
            *amount += tally.amount;
        };
        add(&mut self.sale_lines, &mut self.sale_units, &mut self.gross, &sums.sold);
        self.free_lines += sums.free.lines;
        self.free_units += sums.free.units;
        add(&mut self.accepted_lines, &mut self.accepted_units, &mut self.accepted_amount, &sums.accepted);
        add(&mut self.unjudged_lines, &mut self.unjudged_units, &mut self.unjudged_amount, &sums.unjudged);
        add(&mut self.never_sold_lines, &mut self.never_sold_units, &mut self.never_sold_amount, &sums.never_sold);
        add(&mut self.exceeds_lines, &mut self.exceeds_units, &mut self.exceeds_amount, &sums.exceeds);
        self.adjustment_lines += sums.adjusted.lines;
        self.adjustment_units += sums.adjusted.units;
        add(&mut self.bad_debt_lines, &mut self.bad_debt_units, &mut self.bad_debt_amount, &sums.bad_debt);
    }

    /// Counts documents.
    pub(super) fn count(&mut self, documents: Documents) {
        let add = |count: &mut Option<i64>, more: i64| *count = count.map(|count| count + more);
        add(&mut self.sale_documents, documents.sale);
        add(&mut self.free_documents, documents.with_free);
        add(&mut self.refund_documents, documents.refund);
        add(&mut self.adjustment_documents, documents.adjustment);
        add(&mut self.bad_debt_documents, documents.bad_debt);
    }

    /// Counts a customer who bought here for the first time.
    pub(super) fn met(&mut self) {
        self.active_customers = self.active_customers.map(|count| count + 1);
    }

    /// Counts a customer who bought for the first time anywhere in this currency.
    pub(super) fn arrived(&mut self) {
        self.new_customers = self.new_customers.map(|count| count + 1);
    }
}
