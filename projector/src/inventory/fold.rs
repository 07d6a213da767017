use chrono::{DateTime, Utc};
use domain::inventory::stock_item::Event;
use uuid::Uuid;

use super::rows::{Alert, InventoryRows, Reservation, Stock};
use crate::ApplyError;

/// Wants the item, the reservation an event names, the alert it raises and the one that is open.
pub(super) fn want(position: i64, item: (String, String), event: &Event, rows: &mut InventoryRows) {
    match event {
        Event::Reserved { reservation, .. }
        | Event::Released { reservation, .. }
        | Event::Committed { reservation, .. }
        | Event::Extended { reservation, .. }
        | Event::Voided { reservation, .. } => {
            rows.reservation.want((item.0.clone(), item.1.clone(), *reservation));
        }
        Event::Expired { reservations, .. } => {
            for ended in reservations {
                rows.reservation.want((item.0.clone(), item.1.clone(), ended.reservation));
            }
        }
        Event::RanLow { .. } => rows.alert.want(position),
        Event::Replenished { .. } => {
            // An alert raised in the same batch is wanted by the event that raises it.
            if let Some(open) = rows.stock.peek(&item).and_then(|row| row.alert_position) {
                rows.alert.want(open);
            }
        }
        Event::Received { .. }
        | Event::Adjusted { .. }
        | Event::Issued { .. }
        | Event::TransferredOut { .. }
        | Event::TransferredIn { .. }
        | Event::ReorderLevelSet { .. } => {}
    }
    rows.stock.want(item);
}

pub(super) fn apply(
    (position, sequence): (i64, i64),
    item: &(String, String),
    event: &Event,
    rows: &mut InventoryRows,
) -> Result<(), ApplyError> {
    let stock = rows.stock.entry(item.clone(), || Stock::none(item))?;
    let open = stock.alert_position;
    stock.moved(position, event);
    stock.sequence = sequence;
    match event {
        Event::Reserved { reservation, quantity, expires_at, at } => rows.reservation.insert(Reservation {
            store: item.0.clone(),
            sku: item.1.clone(),
            id: *reservation,
            quantity: *quantity,
            status: "held".to_owned(),
            reserved_at: *at,
            expires_at: *expires_at,
            settled_at: None,
            position,
        }),
        Event::Extended { reservation, expires_at, .. } => {
            rows.reservation.update(&(item.0.clone(), item.1.clone(), *reservation), |row| row.expires_at = *expires_at)
        }
        Event::Expired { reservations, at } => {
            for ended in reservations {
                settle(item, ended.reservation, "expired", *at, rows)?;
            }
            Ok(())
        }
        Event::Voided { reservation, at } => rows.reservation.insert(Reservation {
            store: item.0.clone(),
            sku: item.1.clone(),
            id: *reservation,
            quantity: 0,
            status: "voided".to_owned(),
            reserved_at: *at,
            expires_at: *at,
            settled_at: Some(*at),
            position,
        }),
        Event::Released { reservation, at, .. } => settle(item, *reservation, "released", *at, rows),
        Event::Committed { reservation, at, .. } => settle(item, *reservation, "committed", *at, rows),
        Event::RanLow { available, level, at } => rows.alert.insert(Alert {
            raised_position: position,
            store: item.0.clone(),
            sku: item.1.clone(),
            available: *available,
            level: *level,
            raised_at: *at,
            cleared_position: None,
            cleared_at: None,
        }),
        Event::Replenished { at, .. } => clear(position, open, *at, rows),
        Event::Received { .. }
        | Event::Adjusted { .. }
        | Event::Issued { .. }
        | Event::TransferredOut { .. }
        | Event::TransferredIn { .. }
        | Event::ReorderLevelSet { .. } => Ok(()),
    }
}

fn settle(
    (store, sku): &(String, String),
    id: Uuid,
    status: &str,
    at: DateTime<Utc>,
    rows: &mut InventoryRows,
) -> Result<(), ApplyError> {
    rows.reservation.update(&(store.clone(), sku.clone(), id), |row| {
        status.clone_into(&mut row.status);
        row.settled_at = Some(at);
    })
}

fn clear(position: i64, open: Option<i64>, at: DateTime<Utc>, rows: &mut InventoryRows) -> Result<(), ApplyError> {
    let open = open.ok_or_else(|| ApplyError::new("no alert is open that it could end"))?;
    rows.alert.update(&open, |row| {
        row.cleared_position = Some(position);
        row.cleared_at = Some(at);
    })
}

impl Stock {
    fn none((store, sku): &(String, String)) -> Self {
        Self { store: store.clone(), sku: sku.clone(), ..Self::default() }
    }

    fn moved(&mut self, position: i64, event: &Event) {
        self.position = position;
        match event {
            Event::Received { quantity, .. } => {
                self.on_hand += quantity;
                self.received += quantity;
            }
            Event::Adjusted { quantity, .. } => {
                self.on_hand += quantity;
                self.adjusted += quantity;
            }
            Event::Issued { quantity, .. } => {
                self.on_hand -= quantity;
                self.issued += quantity;
            }
            Event::Reserved { quantity, .. } => self.reserved += quantity,
            Event::Released { quantity, .. } => self.reserved -= quantity,
            Event::Committed { quantity, .. } => {
                self.reserved -= quantity;
                self.on_hand -= quantity;
                self.issued += quantity;
            }
            Event::Expired { reservations, .. } => {
                self.reserved -= reservations.iter().map(|ended| ended.quantity).sum::<i64>();
            }
            Event::Extended { .. } | Event::Voided { .. } => {}
            Event::TransferredOut { quantity, .. } => {
                self.on_hand -= quantity;
                self.transferred_out += quantity;
            }
            Event::TransferredIn { quantity, .. } => {
                self.on_hand += quantity;
                self.transferred_in += quantity;
            }
            Event::ReorderLevelSet { level, .. } => self.reorder_level = Some(*level),
            Event::RanLow { .. } => {
                self.low = true;
                self.alert_position = Some(position);
            }
            Event::Replenished { .. } => {
                self.low = false;
                self.alert_position = None;
            }
        }
    }
}
