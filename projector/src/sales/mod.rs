//! Sales as they are read: every document with its lines, and what came back.

mod document;
mod refund;
mod returned;
mod rows;
mod sale;

use domain::sales::{bad_debt, purchases, returns};
use event_store::{DecodeError, Recorded};

pub use rows::{BadDebtLine, RefundLine, ReturnDocument, Sale, SaleLine, SalesRows};

use crate::{ApplyError, Projection};

/// Keeps the schema `sales`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sales;

/// What this projection reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Of a sale.
    Sale(domain::sales::sale::Event),
    /// Of a return without receipt.
    Return(returns::Event),
    /// Of what a customer bought in several sales.
    Purchases(purchases::Event),
    /// Of a written-off debt.
    BadDebt(bad_debt::Event),
}

impl Projection for Sales {
    const NAME: &'static str = "sales";
    const VERSION: i32 = 2;
    const SCHEMA: &'static str = include_str!("schema.sql");
    type Event = Event;
    type Rows = SalesRows;

    fn decode(&self, recorded: &Recorded) -> Result<Option<Event>, DecodeError> {
        Ok(match recorded.aggregate_type.as_str() {
            "sale" => Some(Event::Sale(recorded.decode()?)),
            "return" => Some(Event::Return(recorded.decode()?)),
            "purchases" => Some(Event::Purchases(recorded.decode()?)),
            "bad_debt" => Some(Event::BadDebt(recorded.decode()?)),
            _ => None,
        })
    }

    fn keys(&self, recorded: &Recorded, event: &Event, rows: &mut SalesRows) {
        match event {
            Event::Sale(event) => sale::want(recorded, event, rows),
            Event::Return(event) => refund::want(recorded, event, rows),
            Event::Purchases(event) => returned::want(event, rows),
            Event::BadDebt(bad_debt::Event::Recorded { lines, .. }) => {
                document::lines(recorded, lines).for_each(|(key, _)| rows.bad_debt_line.want(key));
            }
        }
    }

    fn apply(&self, recorded: &Recorded, event: &Event, rows: &mut SalesRows) -> Result<(), ApplyError> {
        match event {
            Event::Sale(event) => sale::apply(recorded, event, rows),
            Event::Return(event) => refund::apply(recorded, event, rows),
            Event::Purchases(event) => returned::apply(event, rows),
            Event::BadDebt(event) => document::write_off(recorded, event, rows),
        }
    }
}
