use domain::sales::bad_debt;
use event_store::Recorded;

use super::rows::{BadDebtLine, SalesRows};
use crate::ApplyError;

/// The lines of an event, each with the key of its row: where the event is in the log, and where the line is in the event.
pub(super) fn lines<'a, L>(
    recorded: &Recorded,
    lines: &'a [L],
) -> impl Iterator<Item = ((i64, i32), &'a L)> + use<'a, L> {
    let position = recorded.position;
    (1..).zip(lines).map(move |(line, of)| ((position, line), of))
}

/// The units of lines and what they come to.
pub(super) fn sum<L>(lines: &[L], of: impl Fn(&L) -> (i64, domain::Decimal)) -> (i64, domain::Decimal) {
    lines.iter().map(of).fold((0, domain::Decimal::ZERO), |sum, line| (sum.0 + line.0, sum.1 + line.1))
}

/// How many lines, as the read models count.
pub(super) fn count<L>(lines: &[L]) -> i64 {
    lines.iter().map(|_| 1).sum()
}

pub(super) fn write_off(recorded: &Recorded, event: &bad_debt::Event, rows: &mut SalesRows) -> Result<(), ApplyError> {
    let bad_debt::Event::Recorded { store, customer, country, currency, lines: of, at } = event;
    for ((position, line), of) in lines(recorded, of) {
        rows.bad_debt_line.insert(BadDebtLine {
            position,
            line,
            document: recorded.aggregate_id.clone(),
            line_no: i64::from(line),
            customer: customer.clone(),
            store: store.clone(),
            country: country.clone(),
            currency: currency.clone(),
            sku: of.sku.clone(),
            description: of.description.clone(),
            quantity: of.quantity,
            unit_price: of.unit_price,
            amount: of.amount(),
            at: *at,
        })?;
    }
    Ok(())
}
