//! Events of a till, as short as tests want them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::Decimal;
use domain::catalog::store;
use domain::inventory::stock_item;
use domain::sales::purchases::Outcome;
use domain::sales::returns::{self, JudgedLine};
use domain::sales::{Line, bad_debt, sale};

/// That day of 1970, from 1.
pub(crate) fn day(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(number - 1)
}

/// So many units of a product, at a price in pence.
pub(crate) fn line(sku: &str, quantity: i64, pence: i64) -> Line {
    Line { sku: sku.to_owned(), description: format!("A {sku}"), quantity, unit_price: Decimal::new(pence, 2) }
}

pub(crate) fn sold_to(customer: Option<&str>, number: i64, lines: Vec<Line>) -> sale::Event {
    sale::Event::Recorded {
        store: "leeds".to_owned(),
        customer: customer.map(str::to_owned),
        country: "United Kingdom".to_owned(),
        currency: "GBP".to_owned(),
        lines,
        at: day(number),
    }
}

pub(crate) fn added(number: i64, lines: Vec<Line>) -> sale::Event {
    sale::Event::LinesAdded { lines, at: day(number) }
}

pub(crate) fn refunded(refund: &str, sku: &str, quantity: i64, pence: i64) -> sale::Event {
    let line = sale::RefundedLine {
        sku: sku.to_owned(),
        line_no: None,
        quantity,
        amount: Decimal::new(pence, 2),
        reason: Some("too red".to_owned()),
    };
    let status = sale::Status::PartiallyRefunded;
    sale::Event::Refunded { refund: refund.to_owned(), lines: vec![line], status, at: day(2) }
}

pub(crate) fn returned(customer: Option<&str>, lines: Vec<(Line, Outcome)>) -> returns::Event {
    returns::Event::Recorded {
        customer: customer.map(str::to_owned),
        store: "leeds".to_owned(),
        country: "United Kingdom".to_owned(),
        currency: "GBP".to_owned(),
        lines: judged(lines),
        at: day(3),
    }
}

pub(crate) fn returned_more(lines: Vec<(Line, Outcome)>) -> returns::Event {
    returns::Event::LinesAdded { lines: judged(lines), at: day(3) }
}

fn judged(lines: Vec<(Line, Outcome)>) -> Vec<JudgedLine> {
    lines.into_iter().map(|(line, outcome)| JudgedLine::new(line, outcome)).collect()
}

pub(crate) fn written_off(quantity: i64, pence: i64) -> bad_debt::Event {
    bad_debt::Event::Recorded {
        store: "leeds".to_owned(),
        customer: None,
        country: "United Kingdom".to_owned(),
        currency: "GBP".to_owned(),
        lines: vec![bad_debt::BadDebtLine {
            sku: "B".to_owned(),
            description: "Adjust bad debt".to_owned(),
            quantity,
            unit_price: Decimal::new(pence, 2),
        }],
        at: day(4),
    }
}

pub(crate) fn adjusted(quantity: i64, reason: &str, document: Option<&str>) -> stock_item::Event {
    stock_item::Event::Adjusted {
        quantity,
        reason: reason.to_owned(),
        document: document.map(str::to_owned),
        at: day(1),
    }
}

pub(crate) fn opened(country: &str) -> store::Event {
    store::Event::Opened {
        name: "A store".to_owned(),
        country: country.to_owned(),
        currency: "EUR".to_owned(),
        time_zone: None,
        at: day(1),
    }
}
