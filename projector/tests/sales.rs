//! The sales' read model: a fold of sales, returns and written-off debts.
#![cfg(test)]

mod folding;

use domain::Decimal;
use domain::sales::purchases::{self, Outcome, Reason, Taken};
use domain::sales::sale;
use folding::till::{added, day, line, refunded, returned, returned_more, sold_to, written_off};
use folding::{Log, fold};
use projector::sales::{RefundLine, Sale, Sales, SalesRows};

fn rows(events: &[sale::Event]) -> SalesRows {
    let mut log = Log::default();
    for event in events {
        log.record("sale", "536365", event);
    }
    fold(&Sales, &log.events)
}

fn sale(events: &[sale::Event]) -> Sale {
    rows(events).sale.get(&"536365".to_owned()).unwrap().cloned().unwrap()
}

fn refund_lines(rows: &SalesRows) -> Vec<RefundLine> {
    let mut lines: Vec<_> = rows.refund_line.iter().cloned().collect();
    lines.sort_by_key(|line| (line.position, line.line));
    lines
}

#[test]
fn a_sale_shows_its_lines_units_and_amount_even_when_lines_are_added_later() {
    let row =
        sale(&[sold_to(None, 1, vec![line("lamp", 2, 150)]), added(1, vec![line("cup", 3, 100), line("bag", 1, 0)])]);
    assert_eq!((row.lines, row.units, row.gross, row.status.as_str()), (3, 6, Decimal::new(600, 2), "active"));
}

#[test]
fn lines_are_numbered_within_their_sale() {
    let rows =
        rows(&[sold_to(None, 1, vec![line("lamp", 1, 1), line("cup", 1, 1)]), added(1, vec![line("bag", 1, 1)])]);
    let mut lines: Vec<_> =
        rows.sale_line.iter().map(|line| (line.line_no, line.sku.as_str(), line.position)).collect();
    lines.sort_unstable();
    assert_eq!(lines, [(1, "lamp", 1), (2, "cup", 1), (3, "bag", 2)]);
}

#[test]
fn a_completed_sale_says_when() {
    let row = sale(&[sold_to(None, 1, vec![line("lamp", 1, 1)]), sale::Event::Completed { at: day(2) }]);
    assert_eq!((row.status.as_str(), row.completed_at, row.sequence), ("completed", Some(day(2)), 2));
}

#[test]
fn a_refund_by_receipt_is_accepted_and_shows_on_the_sale() {
    let rows = rows(&[
        sold_to(Some("17850"), 1, vec![line("lamp", 2, 150)]),
        sale::Event::Completed { at: day(1) },
        refunded("R1", "lamp", 1, 150),
    ]);
    let row = rows.sale.get(&"536365".to_owned()).unwrap().unwrap();
    assert_eq!(
        (row.status.as_str(), row.refunded, row.refunded_units),
        ("partially_refunded", Decimal::new(150, 2), 1)
    );
    let line = &refund_lines(&rows)[0];
    assert_eq!(
        (line.document.as_str(), line.sale.as_deref(), line.outcome.as_str()),
        ("R1", Some("536365"), "accepted")
    );
    assert_eq!(
        (line.customer.as_deref(), line.store.as_str(), line.remark.as_deref()),
        (Some("17850"), "leeds", Some("too red"))
    );
}

/// Units of lamps that are taken to be of these sales come back.
fn came_back(document: &str, receipt: bool, of: &[(&str, i64)]) -> purchases::Event {
    let taken = |(sale, quantity): &(&str, i64)| Taken {
        sale: (*sale).to_owned(),
        sku: "lamp".to_owned(),
        quantity: *quantity,
    };
    purchases::Event::Returned {
        document: document.to_owned(),
        receipt,
        currency: Some("GBP".to_owned()),
        units: Vec::new(),
        of: of.iter().map(taken).collect(),
        at: day(3),
    }
}

#[test]
fn the_status_of_a_sale_tells_what_came_back_of_it_without_receipt() {
    let mut log = Log::default();
    for id in ["1", "2"] {
        log.record("sale", id, &sold_to(Some("17850"), 1, vec![line("lamp", 2, 150)]));
        log.record("sale", id, &sale::Event::Completed { at: day(1) });
    }
    let status = |log: &Log| {
        let rows = fold(&Sales, &log.events);
        ["1", "2"].map(|id| {
            let row = rows.sale.get(&id.to_owned()).unwrap().cloned().unwrap();
            (row.status, row.refunded_units, row.returned_units)
        })
    };
    let is = |status: &str, refunded, returned| (status.to_owned(), refunded, returned);
    log.record("purchases", "17850", &came_back("C1", false, &[("1", 1)]));
    assert_eq!(status(&log), [is("partially_refunded", 0, 1), is("completed", 0, 0)]);
    log.record("purchases", "17850", &came_back("C2", false, &[("1", 1)]));
    assert_eq!(status(&log), [is("refunded", 0, 2), is("completed", 0, 0)]);
    // By the receipt of 1, of which nothing is left: what was returned before is now taken to be of 2.
    log.record("sale", "1", &refunded("R1", "lamp", 2, 300));
    log.record("purchases", "17850", &came_back("1", true, &[("2", 2)]));
    assert_eq!(status(&log), [is("refunded", 2, 0), is("refunded", 0, 2)]);
}

#[test]
fn a_return_keeps_every_line_with_what_became_of_it() {
    let refused = Outcome::Refused { reason: Reason::Exceeds, balance: 2, paid: None };
    let mut log = Log::default();
    log.record("return", "C536379", &returned(Some("17850"), vec![(line("lamp", 1, 150), Outcome::Accepted)]));
    log.record("return", "C536379", &returned_more(vec![(line("cup", 5, 100), refused)]));
    let rows = fold(&Sales, &log.events);
    let lines = refund_lines(&rows);
    assert_eq!([lines[0].outcome.as_str(), lines[1].outcome.as_str()], ["accepted", "refused"]);
    assert_eq!((lines[1].line_no, lines[1].reason.as_deref(), lines[1].balance), (2, Some("exceeds"), Some(2)));
    let document = rows.return_document.get(&"C536379".to_owned()).unwrap().unwrap();
    assert_eq!((document.lines, document.accepted_lines, document.refused_lines), (2, 1, 1));
    assert_eq!((document.amount, document.accepted_amount), (Decimal::new(650, 2), Decimal::new(150, 2)));
}

#[test]
fn a_return_of_nobody_in_particular_is_not_judged() {
    let mut log = Log::default();
    log.record("return", "C1", &returned(None, vec![(line("lamp", 1, 150), Outcome::Unjudged)]));
    let lines = refund_lines(&fold(&Sales, &log.events));
    assert_eq!((lines[0].outcome.as_str(), lines[0].reason.as_deref()), ("unjudged", None));
}

#[test]
fn a_written_off_debt_may_have_any_sign() {
    let mut log = Log::default();
    log.record("bad_debt", "A1", &written_off(1, -1106));
    let rows = fold(&Sales, &log.events);
    assert_eq!(rows.bad_debt_line.get(&(1, 1)).unwrap().unwrap().amount, Decimal::new(-1106, 2));
}

#[test]
fn a_refund_of_a_sale_that_was_never_recorded_stops_the_projection() {
    let mut log = Log::default();
    log.record("sale", "1", &refunded("R1", "lamp", 1, 150));
    assert!(folding::try_fold(&Sales, &log.events).is_err());
}
