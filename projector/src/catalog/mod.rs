//! The catalog as it is read: products with search, and stores.

mod rows;

use domain::catalog::{product, store};
use event_store::{DecodeError, Recorded};

pub use rows::{CatalogRows, Product, Store};

use crate::{ApplyError, Projection};

/// Keeps the schema `catalog`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Catalog;

/// What this projection reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Of a product.
    Product(product::Event),
    /// Of a store.
    Store(store::Event),
}

impl Projection for Catalog {
    const NAME: &'static str = "catalog";
    const VERSION: i32 = 2;
    const SCHEMA: &'static str = include_str!("schema.sql");
    type Event = Event;
    type Rows = CatalogRows;

    fn decode(&self, recorded: &Recorded) -> Result<Option<Event>, DecodeError> {
        Ok(match recorded.aggregate_type.as_str() {
            "product" => Some(Event::Product(recorded.decode()?)),
            "store" => Some(Event::Store(recorded.decode()?)),
            _ => None,
        })
    }

    fn keys(&self, recorded: &Recorded, event: &Event, rows: &mut CatalogRows) {
        match event {
            Event::Product(_) => rows.product.want(recorded.aggregate_id.clone()),
            Event::Store(_) => rows.store.want(recorded.aggregate_id.clone()),
        }
    }

    fn apply(&self, recorded: &Recorded, event: &Event, rows: &mut CatalogRows) -> Result<(), ApplyError> {
        let id = &recorded.aggregate_id;
        match event {
            Event::Product(product::Event::Added { name, price, currency, category }) => rows.product.insert(Product {
                sku: id.clone(),
                name: name.clone(),
                price: *price,
                currency: currency.clone(),
                category: category.clone(),
                status: "active".to_owned(),
                reason: None,
                sequence: recorded.sequence,
            }),
            Event::Product(event) => rows.product.update(id, |row| {
                row.sequence = recorded.sequence;
                row.changed(event);
            }),
            Event::Store(store::Event::Opened { name, country, currency, at, .. }) => rows.store.insert(Store {
                id: id.clone(),
                name: name.clone(),
                country: country.clone(),
                currency: currency.clone(),
                status: "open".to_owned(),
                opened_at: *at,
                closed_at: None,
                sequence: recorded.sequence,
            }),
            Event::Store(store::Event::Closed { at }) => rows.store.update(id, |row| {
                row.sequence = recorded.sequence;
                "closed".clone_into(&mut row.status);
                row.closed_at = Some(*at);
            }),
        }
    }
}

impl Product {
    fn changed(&mut self, event: &product::Event) {
        match event {
            product::Event::Added { .. } => {}
            product::Event::Renamed { name } => name.clone_into(&mut self.name),
            product::Event::Repriced { price } => self.price = *price,
            product::Event::Categorised { category } => self.category = Some(category.clone()),
            product::Event::Discontinued { reason } => {
                "discontinued".clone_into(&mut self.status);
                self.reason.clone_from(reason);
            }
            product::Event::Reinstated {} => {
                "active".clone_into(&mut self.status);
                self.reason = None;
            }
        }
    }
}
