//! What the business earned, as sums in each currency: for everything, per day, month, country, store, product and customer.

mod entry;
mod facts;
mod figures;
mod fold;
mod rows;
mod sums;

use domain::catalog::store;
use domain::inventory::Key;
use event_store::{DecodeError, Recorded};

pub use entry::{Entry, Event};
pub use rows::{Buyer, Document, Figures, Product, RevenueRows, Store};

use crate::{ApplyError, Projection};

/// A reason for an adjustment that gives none: where the inventory insists on one and its source had nothing to say.
pub const UNSTATED: &str = "unstated";

/// Keeps the schema `revenue`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Revenue;

impl Projection for Revenue {
    const NAME: &'static str = "revenue";
    const VERSION: i32 = 1;
    const SCHEMA: &'static str = include_str!("schema.sql");
    type Event = Event;
    type Rows = RevenueRows;

    fn decode(&self, recorded: &Recorded) -> Result<Option<Event>, DecodeError> {
        let id = recorded.aggregate_id.as_str();
        Ok(match recorded.event_type.as_str() {
            "sales.recorded" | "sales.lines_added" | "sales.refunded" => {
                entry::of_sale(id, recorded.decode()?).map(Event::Booked)
            }
            "sales.return_recorded" | "sales.return_lines_added" => {
                Some(Event::Booked(entry::of_return(id, recorded.decode()?)))
            }
            "sales.bad_debt_recorded" => Some(Event::Booked(entry::of_bad_debt(id, recorded.decode()?))),
            "inventory.adjusted" => {
                let event = recorded.decode()?;
                match Key::parse(id) {
                    Some(key) => entry::of_stock(key, event).map(Event::Booked),
                    None => Some(Event::Nowhere),
                }
            }
            "catalog.store_opened" => match recorded.decode()? {
                store::Event::Opened { country, currency, .. } => {
                    Some(Event::StoreOpened(Store { id: id.to_owned(), country, currency }))
                }
                store::Event::Closed { .. } => None,
            },
            _ => None,
        })
    }

    fn keys(&self, _: &Recorded, event: &Event, rows: &mut RevenueRows) {
        match event {
            Event::StoreOpened(store) => {
                rows.store.want(store.id.clone());
                rows.store.foresee(store.id.clone(), || store.clone());
            }
            Event::Booked(entry) => fold::want(entry, rows),
            Event::Nowhere => {}
        }
    }

    fn apply(&self, _: &Recorded, event: &Event, rows: &mut RevenueRows) -> Result<(), ApplyError> {
        match event {
            Event::StoreOpened(store) => rows.store.insert(store.clone()),
            Event::Booked(entry) => fold::book(entry, rows),
            Event::Nowhere => Err(ApplyError::new("its stream is not named by a store and a SKU")),
        }
    }
}
