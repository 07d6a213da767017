//! Returns without receipt: every line is kept with what became of it, refused ones too.

use chrono::{DateTime, Utc};
use domain::Decimal;
use domain::sales::purchases::Outcome;
use domain::sales::returns::{Event, JudgedLine};
use event_store::Recorded;

use super::document::{count, lines, sum};
use super::rows::{RefundLine, ReturnDocument, SalesRows};
use crate::ApplyError;

pub(super) fn want(recorded: &Recorded, event: &Event, rows: &mut SalesRows) {
    rows.return_document.want(recorded.aggregate_id.clone());
    let (Event::Recorded { lines: of, .. } | Event::LinesAdded { lines: of, .. }) = event;
    lines(recorded, of).for_each(|(key, _)| rows.refund_line.want(key));
}

pub(super) fn apply(recorded: &Recorded, event: &Event, rows: &mut SalesRows) -> Result<(), ApplyError> {
    match event {
        Event::Recorded { customer, store, country, currency, lines, at } => {
            rows.return_document.insert(ReturnDocument {
                id: recorded.aggregate_id.clone(),
                customer: customer.clone(),
                store: store.clone(),
                country: country.clone(),
                currency: currency.clone(),
                at: *at,
                lines: 0,
                units: 0,
                amount: Decimal::ZERO,
                accepted_lines: 0,
                refused_lines: 0,
                unjudged_lines: 0,
                accepted_amount: Decimal::ZERO,
                position: recorded.position,
                sequence: recorded.sequence,
            })?;
            take_back(recorded, lines, *at, rows)
        }
        Event::LinesAdded { lines, at } => take_back(recorded, lines, *at, rows),
    }
}

fn take_back(
    recorded: &Recorded,
    of: &[JudgedLine],
    at: DateTime<Utc>,
    rows: &mut SalesRows,
) -> Result<(), ApplyError> {
    let mut document = None;
    rows.return_document.update(&recorded.aggregate_id, |row| {
        document = Some(row.clone());
        row.add(recorded, of);
    })?;
    let Some(document) = document else { return Ok(()) };
    for ((position, line), of) in lines(recorded, of) {
        let (reason, balance) = judged(of.outcome);
        rows.refund_line.insert(RefundLine {
            position,
            line,
            document: document.id.clone(),
            line_no: document.lines + i64::from(line),
            sale: None,
            customer: document.customer.clone(),
            store: document.store.clone(),
            country: document.country.clone(),
            currency: document.currency.clone(),
            sku: of.sku.clone(),
            description: Some(of.description.clone()),
            quantity: of.quantity,
            unit_price: Some(of.unit_price),
            amount: of.amount(),
            outcome: of.outcome.name().to_owned(),
            reason: reason.map(str::to_owned),
            balance,
            remark: None,
            at,
        })?;
    }
    Ok(())
}

impl ReturnDocument {
    fn add(&mut self, recorded: &Recorded, of: &[JudgedLine]) {
        let (units, amount) = sum(of, |line| (line.quantity, line.amount()));
        self.lines += count(of);
        self.units += units;
        self.amount += amount;
        for line in of {
            match line.outcome {
                Outcome::Accepted => {
                    self.accepted_lines += 1;
                    self.accepted_amount += line.amount();
                }
                Outcome::Refused { .. } => self.refused_lines += 1,
                Outcome::Unjudged => self.unjudged_lines += 1,
            }
        }
        self.position = recorded.position;
        self.sequence = recorded.sequence;
    }
}

fn judged(outcome: Outcome) -> (Option<&'static str>, Option<i64>) {
    match outcome {
        Outcome::Refused { reason, balance, .. } => (Some(reason.name()), Some(balance)),
        Outcome::Accepted | Outcome::Unjudged => (None, None),
    }
}
