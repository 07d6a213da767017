//! Stock as it is read: levels per store, reservations, and where it ran low.

mod fold;
mod rows;

use domain::inventory::{Key, stock_item};
use event_store::{DecodeError, Recorded};

pub use rows::{Alert, InventoryRows, Reservation, Stock};

use crate::{ApplyError, Projection};

/// Keeps the schema `inventory`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inventory;

impl Projection for Inventory {
    const NAME: &'static str = "inventory";
    const VERSION: i32 = 2;
    const SCHEMA: &'static str = include_str!("schema.sql");
    type Event = stock_item::Event;
    type Rows = InventoryRows;

    fn decode(&self, recorded: &Recorded) -> Result<Option<stock_item::Event>, DecodeError> {
        if recorded.aggregate_type == "stock_item" { recorded.decode().map(Some) } else { Ok(None) }
    }

    fn keys(&self, recorded: &Recorded, event: &stock_item::Event, rows: &mut InventoryRows) {
        // Without a key there is nothing to want; `apply` refuses the event.
        if let Some(Key { store, sku }) = Key::parse(&recorded.aggregate_id) {
            fold::want(recorded.position, (store, sku), event, rows);
        }
    }

    fn apply(
        &self,
        recorded: &Recorded,
        event: &stock_item::Event,
        rows: &mut InventoryRows,
    ) -> Result<(), ApplyError> {
        let Some(Key { store, sku }) = Key::parse(&recorded.aggregate_id) else {
            return Err(ApplyError::new("its stream is not named by a store and a SKU"));
        };
        fold::apply((recorded.position, recorded.sequence), &(store, sku), event, rows)
    }
}
