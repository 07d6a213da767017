//! What came back without receipt, on the sales that it is taken to be of.

use domain::sales::purchases::Event;

use super::rows::SalesRows;
use crate::ApplyError;

/// Per sale, how many more of its units are taken to have come back without receipt.
fn moved(event: &Event) -> impl Iterator<Item = (&String, i64)> {
    let (document, receipt, of) = match event {
        Event::Returned { document, receipt, of, .. } => (Some(document), *receipt, of.as_slice()),
        Event::Bought { .. } => (None, false, [].as_slice()),
    };
    // A refund by receipt is on its own sale already. Where all that was left of it had come back without receipt, what was returned then
    // is taken to be of other sales instead.
    let others = of.iter().filter(move |taken| !receipt || Some(&taken.sale) != document);
    others.flat_map(move |taken| {
        let instead = document.filter(|_| receipt).map(|own| (own, -taken.quantity));
        [Some((&taken.sale, taken.quantity)), instead].into_iter().flatten()
    })
}

pub(super) fn want(event: &Event, rows: &mut SalesRows) {
    moved(event).for_each(|(sale, _)| rows.sale.want(sale.clone()));
}

pub(super) fn apply(event: &Event, rows: &mut SalesRows) -> Result<(), ApplyError> {
    for (sale, units) in moved(event) {
        rows.sale.update(sale, |row| {
            row.returned_units += units;
            row.settle();
        })?;
    }
    Ok(())
}
