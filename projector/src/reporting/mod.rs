//! Figures over all channels in each currency: for everything, by business day, week and month, country, store, channel, category, product and
//! customer.

mod entry;
mod facts;
mod figures;
mod fold;
mod rows;
mod sides;
mod sums;

use domain::catalog::{product, store};
use domain::inventory::Key;
use event_store::{DecodeError, Recorded};

pub use entry::{Entry, Event};
pub use rows::{Article, Buyer, Document, Figures, Product, ReportingRows, Store};

use crate::{ApplyError, Projection};

/// Keeps the schema `reporting`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reporting;

impl Projection for Reporting {
    const NAME: &'static str = "reporting";
    const VERSION: i32 = 1;
    const SCHEMA: &'static str = include_str!("schema.sql");
    type Event = Event;
    type Rows = ReportingRows;

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
                store::Event::Opened { country, currency, time_zone, .. } => {
                    Some(Event::StoreOpened(Store { id: id.to_owned(), country, currency, time_zone }))
                }
                store::Event::Closed { .. } => None,
            },
            "catalog.product_added" | "catalog.product_categorised" => match recorded.decode()? {
                product::Event::Added { category: Some(category), .. } | product::Event::Categorised { category } => {
                    Some(Event::Categorised(Article { sku: id.to_owned(), category }))
                }
                _ => None,
            },
            _ => None,
        })
    }

    fn keys(&self, _: &Recorded, event: &Event, rows: &mut ReportingRows) {
        match event {
            Event::StoreOpened(store) => {
                rows.store.want(store.id.clone());
                rows.store.foresee(store.id.clone(), || store.clone());
            }
            Event::Categorised(article) => {
                rows.article.want(article.sku.clone());
                rows.article.foresee_change(article.clone());
            }
            Event::Booked(entry) => fold::want(entry, rows),
            Event::Nowhere => {}
        }
    }

    fn apply(&self, _: &Recorded, event: &Event, rows: &mut ReportingRows) -> Result<(), ApplyError> {
        match event {
            Event::StoreOpened(store) => rows.store.insert(store.clone()),
            Event::Categorised(article) => rows.article.insert(article.clone()),
            Event::Booked(entry) => fold::book(entry, rows),
            Event::Nowhere => Err(ApplyError::new("its stream is not named by a store and a SKU")),
        }
    }
}
