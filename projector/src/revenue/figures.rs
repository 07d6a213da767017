//! A row of sums, and how it grows.

use domain::Decimal;

use super::fold::Documents;
use super::rows::Figures;
use super::sums::{Sums, Tally};

impl Figures {
    /// Sums of nothing. Documents are not counted per product, nor customers per product or customer.
    pub(super) fn nothing((dimension, value, currency): (String, String, String)) -> Self {
        let per_document = (dimension != "product").then_some(0);
        let per_customer = (dimension != "product" && dimension != "customer").then_some(0);
        Self {
            dimension,
            value,
            currency,
            sale_documents: per_document,
            with_sale: per_document,
            with_free: per_document,
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
        let refunds = sums.refunds();
        self.lines += sums.total().lines;
        self.sale_lines += sums.sold.lines;
        self.free_lines += sums.free.lines;
        self.refund_lines += refunds.lines;
        self.adjustment_lines += sums.adjusted.lines;
        self.bad_debt_lines += sums.bad_debt.lines;
        self.units_sold += sums.sold.units + sums.free.units;
        self.units_free += sums.free.units;
        self.units_cancelled += refunds.units;
        self.units_adjusted += sums.adjusted.units;
        self.gross += sums.sold.amount;
        self.cancelled += refunds.amount;
        self.bad_debt += sums.bad_debt.amount;
        self.judge(sums);
    }

    fn judge(&mut self, sums: &Sums) {
        let add = |lines: &mut i64, units: &mut i64, amount: &mut Decimal, tally: &Tally| {
            *lines += tally.lines;
            *units += tally.units;
            *amount += tally.amount;
        };
        add(&mut self.accepted_lines, &mut self.accepted_units, &mut self.accepted_amount, &sums.accepted);
        add(
            &mut self.refused_never_sold_lines,
            &mut self.refused_never_sold_units,
            &mut self.refused_never_sold_amount,
            &sums.refused_never_sold,
        );
        add(
            &mut self.refused_exceeds_lines,
            &mut self.refused_exceeds_units,
            &mut self.refused_exceeds_amount,
            &sums.refused_exceeds,
        );
        add(&mut self.unjudged_lines, &mut self.unjudged_units, &mut self.unjudged_amount, &sums.unjudged);
    }

    /// Counts documents.
    pub(super) fn count(&mut self, documents: Documents) {
        let add = |count: &mut Option<i64>, more: i64| *count = count.map(|count| count + more);
        add(&mut self.sale_documents, documents.sale);
        add(&mut self.with_sale, documents.with_sale);
        add(&mut self.with_free, documents.with_free);
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
