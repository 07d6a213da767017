use chrono::{DateTime, Utc};
use domain::Decimal;
use domain::sales::Line;
use domain::sales::sale::{Event, RefundedLine};
use event_store::Recorded;

use super::document::{count, lines, sum};
use super::rows::{RefundLine, Sale, SaleLine, SalesRows};
use crate::ApplyError;

pub(super) fn want(recorded: &Recorded, event: &Event, rows: &mut SalesRows) {
    rows.sale.want(recorded.aggregate_id.clone());
    match event {
        Event::Recorded { lines: of, .. } | Event::LinesAdded { lines: of, .. } => {
            lines(recorded, of).for_each(|(key, _)| rows.sale_line.want(key));
        }
        Event::Refunded { lines: of, .. } => lines(recorded, of).for_each(|(key, _)| rows.refund_line.want(key)),
        Event::Completed { .. } => {}
    }
}

pub(super) fn apply(recorded: &Recorded, event: &Event, rows: &mut SalesRows) -> Result<(), ApplyError> {
    let id = &recorded.aggregate_id;
    match event {
        Event::Recorded { store, customer, country, currency, lines: of, at } => {
            rows.sale.insert(Sale {
                id: id.clone(),
                store: store.clone(),
                customer: customer.clone(),
                country: country.clone(),
                currency: currency.clone(),
                status: "active".to_owned(),
                at: *at,
                completed_at: None,
                lines: 0,
                units: 0,
                gross: Decimal::ZERO,
                refunded: Decimal::ZERO,
                refunded_units: 0,
                returned_units: 0,
                position: recorded.position,
                sequence: recorded.sequence,
            })?;
            sell(recorded, of, *at, rows)
        }
        Event::LinesAdded { lines, at } => sell(recorded, lines, *at, rows),
        Event::Completed { at } => change(recorded, rows, |row| {
            row.completed_at = Some(*at);
            row.settle();
        }),
        Event::Refunded { refund, lines, at, .. } => take_back(recorded, refund, lines, *at, rows),
    }
}

fn sell(recorded: &Recorded, of: &[Line], at: DateTime<Utc>, rows: &mut SalesRows) -> Result<(), ApplyError> {
    let (units, gross) = sum(of, |line| (line.quantity, line.amount()));
    let mut line_no = 0;
    change(recorded, rows, |row| {
        line_no = row.lines;
        row.lines += count(of);
        row.units += units;
        row.gross += gross;
    })?;
    for ((position, line), of) in lines(recorded, of) {
        rows.sale_line.insert(SaleLine {
            position,
            line,
            sale: recorded.aggregate_id.clone(),
            line_no: line_no + i64::from(line),
            sku: of.sku.clone(),
            description: of.description.clone(),
            quantity: of.quantity,
            unit_price: of.unit_price,
            amount: of.amount(),
            at,
        })?;
    }
    Ok(())
}

fn take_back(
    recorded: &Recorded,
    refund: &str,
    of: &[RefundedLine],
    at: DateTime<Utc>,
    rows: &mut SalesRows,
) -> Result<(), ApplyError> {
    let (units, amount) = sum(of, |line| (line.quantity, line.amount));
    change(recorded, rows, |row| {
        row.refunded += amount;
        row.refunded_units += units;
        row.settle();
    })?;
    let Some(sale) = rows.sale.get(&recorded.aggregate_id)?.cloned() else { return Ok(()) };
    for ((position, line), of) in lines(recorded, of) {
        rows.refund_line.insert(RefundLine {
            position,
            line,
            document: refund.to_owned(),
            line_no: i64::from(line),
            sale: Some(sale.id.clone()),
            customer: sale.customer.clone(),
            store: sale.store.clone(),
            country: sale.country.clone(),
            currency: sale.currency.clone(),
            sku: of.sku.clone(),
            description: None,
            quantity: of.quantity,
            unit_price: None,
            amount: of.amount,
            outcome: "accepted".to_owned(),
            reason: None,
            balance: None,
            remark: of.reason.clone(),
            at,
        })?;
    }
    Ok(())
}

fn change(recorded: &Recorded, rows: &mut SalesRows, how: impl FnOnce(&mut Sale)) -> Result<(), ApplyError> {
    rows.sale.update(&recorded.aggregate_id, |row| {
        row.position = recorded.position;
        row.sequence = recorded.sequence;
        how(row);
    })
}

impl Sale {
    /// The status of a complete sale follows from what came back of it, by receipt or without.
    pub(super) fn settle(&mut self) {
        let status = match self.refunded_units + self.returned_units {
            _ if self.completed_at.is_none() => "active",
            back if back >= self.units => "refunded",
            back if back > 0 => "partially_refunded",
            _ => "completed",
        };
        status.clone_into(&mut self.status);
    }
}
