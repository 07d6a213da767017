//! One shape for everything that counts, whatever document it came on: the fold then has one way to count.

use chrono::{DateTime, Utc};
use domain::Decimal;
use domain::inventory::{Key, stock_item};
use domain::sales::purchases::Outcome;
use domain::sales::returns::JudgedLine;
use domain::sales::{self, bad_debt, returns, sale};

use super::sums::Sums;

/// What an event says to this projection.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A store opened, in a country.
    StoreOpened(super::rows::Store),
    /// A product is in this category from now on.
    Categorised(super::rows::Article),
    /// Lines that count.
    Booked(Entry),
    /// A correction of stock whose id names no store.
    Nowhere,
}

/// Lines that count, and what they have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub(super) kind: Kind,
    /// The document's number, where there is one.
    pub(super) document: Option<String>,
    pub(super) origin: Origin,
    pub(super) at: DateTime<Utc>,
    pub(super) lines: Vec<Line>,
}

/// What kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sale,
    Return,
    Refund,
    Adjustment,
    BadDebt,
}

/// Where the lines come from: told by the event, or by what was recorded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Told(Place),
    /// As on the document of this kind and number.
    AsOn(Kind, String),
    /// In this store, whose country and currency the catalog told.
    InStore(String),
}

/// Where and for whom. `customer` is '' for nobody in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) store: String,
    pub(super) country: String,
    pub(super) customer: String,
    pub(super) currency: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) sku: String,
    pub(super) description: String,
    /// Of a line of a sale.
    pub(super) price: Option<Decimal>,
    pub(super) sums: Sums,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Return => "return",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
            Self::BadDebt => "bad_debt",
        }
    }

    /// Which way it was traded; stock is corrected on none.
    pub(super) fn channel(self) -> &'static str {
        match self {
            Self::Sale | Self::Return | Self::Refund | Self::BadDebt => "till",
            Self::Adjustment => "",
        }
    }
}

impl Place {
    fn of(store: String, country: String, customer: Option<String>, currency: String) -> Origin {
        Origin::Told(Self { store, country, customer: customer.unwrap_or_default(), currency })
    }
}

/// What a sale's event says; `None` when it sells and refunds nothing.
pub(super) fn of_sale(id: &str, event: sale::Event) -> Option<Entry> {
    let number = id.to_owned();
    Some(match event {
        sale::Event::Recorded { store, customer, country, currency, lines, at } => Entry {
            kind: Kind::Sale,
            document: Some(number),
            origin: Place::of(store, country, customer, currency),
            at,
            lines: lines.into_iter().map(sold).collect(),
        },
        sale::Event::LinesAdded { lines, at } => Entry {
            kind: Kind::Sale,
            document: Some(number.clone()),
            origin: Origin::AsOn(Kind::Sale, number),
            at,
            lines: lines.into_iter().map(sold).collect(),
        },
        sale::Event::Refunded { refund, lines, at, .. } => Entry {
            kind: Kind::Refund,
            document: Some(format!("{id}/{refund}")),
            origin: Origin::AsOn(Kind::Sale, number),
            at,
            lines: lines.into_iter().map(refunded).collect(),
        },
        sale::Event::Completed { .. } => return None,
    })
}

/// What the event of a return without receipt says.
pub(super) fn of_return(id: &str, event: returns::Event) -> Entry {
    let (origin, lines, at) = match event {
        returns::Event::Recorded { customer, store, country, currency, lines, at } => {
            (Place::of(store, country, customer, currency), lines, at)
        }
        returns::Event::LinesAdded { lines, at } => (Origin::AsOn(Kind::Return, id.to_owned()), lines, at),
    };
    Entry {
        kind: Kind::Return,
        document: Some(id.to_owned()),
        origin,
        at,
        lines: lines.into_iter().map(judged).collect(),
    }
}

/// What a written-off debt says.
pub(super) fn of_bad_debt(id: &str, event: bad_debt::Event) -> Entry {
    let bad_debt::Event::Recorded { store, customer, country, currency, lines, at } = event;
    Entry {
        kind: Kind::BadDebt,
        document: Some(id.to_owned()),
        origin: Place::of(store, country, customer, currency),
        at,
        lines: lines.into_iter().map(written_off).collect(),
    }
}

/// What a movement of stock says; `None` unless it corrects the stock.
pub(super) fn of_stock(key: Key, event: stock_item::Event) -> Option<Entry> {
    let stock_item::Event::Adjusted { quantity, document, at, .. } = event else { return None };
    let line = Line { sku: key.sku, description: String::new(), price: None, sums: Sums::adjustment(quantity) };
    Some(Entry { kind: Kind::Adjustment, document, origin: Origin::InStore(key.store), at, lines: vec![line] })
}

fn sold(line: sales::Line) -> Line {
    let sums = Sums::sale(line.quantity, line.amount());
    Line { sku: line.sku, description: line.description, price: Some(line.unit_price), sums }
}

fn refunded(line: sale::RefundedLine) -> Line {
    let sums = Sums::refund(line.quantity, line.amount, Outcome::Accepted);
    Line { sku: line.sku, description: String::new(), price: None, sums }
}

fn judged(line: JudgedLine) -> Line {
    let sums = Sums::refund(line.quantity, line.amount(), line.outcome);
    Line { sku: line.sku, description: line.description, price: None, sums }
}

fn written_off(line: bad_debt::BadDebtLine) -> Line {
    let sums = Sums::bad_debt(line.quantity, line.amount());
    Line { sku: line.sku, description: line.description, price: None, sums }
}
