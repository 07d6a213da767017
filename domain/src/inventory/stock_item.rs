//! The units of one product in one store.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;
use crate::aggregate::aggregate;
use crate::text;

/// Most units in one movement.
pub const MAX_QUANTITY: i64 = 1_000_000_000;

/// The units of one product in one store. What is available is on hand and not reserved, and never below zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockItem {
    on_hand: i64,
    reserved: i64,
    reorder_level: Option<i64>,
    low: bool,
    reservations: BTreeMap<Uuid, Reservation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reservation {
    Held { quantity: i64, expires_at: DateTime<Utc> },
    Ended,
}

/// What can be asked of stock.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Units come in.
    Receive { quantity: i64, document: Option<String>, at: DateTime<Utc> },
    /// The count was wrong, or units were lost or found.
    Adjust { quantity: i64, reason: String, document: Option<String>, at: DateTime<Utc> },
    /// Units leave without having been reserved, as over a counter.
    Issue { quantity: i64, document: Option<String>, at: DateTime<Utc> },
    /// Promises units until a time.
    Reserve { reservation: Uuid, quantity: i64, expires_at: DateTime<Utc>, at: DateTime<Utc> },
    /// Takes a promise back.
    Release { reservation: Uuid, at: DateTime<Utc> },
    /// Promised units leave.
    Commit { reservation: Uuid, at: DateTime<Utc> },
    /// Units leave for another store.
    TransferOut { quantity: i64, to: String, transfer: Uuid, at: DateTime<Utc> },
    /// Units come from another store.
    TransferIn { quantity: i64, from: String, transfer: Uuid, at: DateTime<Utc> },
    /// From how many units down stock is low.
    SetReorderLevel { level: i64, at: DateTime<Utc> },
}

/// What has happened to stock.
#[expect(missing_docs, reason = "each field is what its command said")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Units came in.
    Received { quantity: i64, document: Option<String>, at: DateTime<Utc> },
    /// The number on hand was corrected.
    Adjusted { quantity: i64, reason: String, document: Option<String>, at: DateTime<Utc> },
    /// Units left.
    Issued { quantity: i64, document: Option<String>, at: DateTime<Utc> },
    /// Units were promised.
    Reserved { reservation: Uuid, quantity: i64, expires_at: DateTime<Utc>, at: DateTime<Utc> },
    /// A promise was taken back.
    Released { reservation: Uuid, quantity: i64, at: DateTime<Utc> },
    /// Promised units left.
    Committed { reservation: Uuid, quantity: i64, at: DateTime<Utc> },
    /// Units left for another store.
    TransferredOut { quantity: i64, to: String, transfer: Uuid, at: DateTime<Utc> },
    /// Units came from another store.
    TransferredIn { quantity: i64, from: String, transfer: Uuid, at: DateTime<Utc> },
    /// It was said from where stock is low.
    ReorderLevelSet { level: i64, at: DateTime<Utc> },
    /// What is available fell to the reorder level or below.
    RanLow { available: i64, level: i64, at: DateTime<Utc> },
    /// What is available rose above the reorder level again.
    Replenished { available: i64, level: i64, at: DateTime<Utc> },
}

aggregate!(StockItem in "stock_item", refuses with Error,
    Received => "inventory.received",
    Adjusted => "inventory.adjusted",
    Issued => "inventory.issued",
    Reserved => "inventory.reserved",
    Released => "inventory.released",
    Committed => "inventory.committed",
    TransferredOut => "inventory.transferred_out",
    TransferredIn => "inventory.transferred_in",
    ReorderLevelSet => "inventory.reorder_level_set",
    RanLow => "inventory.ran_low",
    Replenished => "inventory.replenished",
);

impl StockItem {
    /// Units that are on hand and not promised.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// What follows from a command.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decide(&self, command: Command) -> Result<Vec<Event>, Error> {
        let at = command.at();
        let event = self.movement(command)?;
        let mut after = self.clone();
        after.evolve(event.clone());
        let mut events = vec![event];
        if let Some(level) = after.reorder_level {
            let available = after.available();
            match (self.low, available <= level) {
                (false, true) => events.push(Event::RanLow { available, level, at }),
                (true, false) => events.push(Event::Replenished { available, level, at }),
                (true, true) | (false, false) => {}
            }
        }
        Ok(events)
    }

    fn movement(&self, command: Command) -> Result<Event, Error> {
        Ok(match command {
            Command::Receive { quantity, document, at } => {
                Event::Received { quantity: self.incoming(quantity)?, document, at }
            }
            Command::Adjust { reason, .. } if !text::is_name(&reason) => return Err(Error::Text("reason")),
            Command::Adjust { quantity, .. } if quantity == 0 || quantity.abs() > MAX_QUANTITY => {
                return Err(Error::Adjustment);
            }
            Command::Adjust { quantity, reason, document, at } if quantity > 0 => {
                Event::Adjusted { quantity: self.incoming(quantity)?, reason, document, at }
            }
            Command::Adjust { quantity, reason, document, at } => {
                self.outgoing(-quantity)?;
                Event::Adjusted { quantity, reason, document, at }
            }
            Command::Issue { quantity, document, at } => {
                Event::Issued { quantity: self.outgoing(quantity)?, document, at }
            }
            Command::Reserve { reservation, .. } if self.reservations.contains_key(&reservation) => {
                return Err(Error::ReservationExists);
            }
            Command::Reserve { expires_at, at, .. } if expires_at <= at => return Err(Error::ExpiresTooEarly),
            Command::Reserve { reservation, quantity, expires_at, at } => {
                Event::Reserved { reservation, quantity: self.outgoing(quantity)?, expires_at, at }
            }
            Command::Release { reservation, at } => {
                Event::Released { reservation, quantity: self.held(reservation)?.0, at }
            }
            Command::Commit { reservation, at } => match self.held(reservation)? {
                (_, expires_at) if expires_at < at => return Err(Error::ReservationExpired),
                (quantity, _) => Event::Committed { reservation, quantity, at },
            },
            Command::TransferOut { quantity, to, transfer, at } => {
                Event::TransferredOut { quantity: self.outgoing(quantity)?, to, transfer, at }
            }
            Command::TransferIn { quantity, from, transfer, at } => {
                Event::TransferredIn { quantity: self.incoming(quantity)?, from, transfer, at }
            }
            Command::SetReorderLevel { level, .. } if !(0..=MAX_QUANTITY).contains(&level) => {
                return Err(Error::Quantity);
            }
            Command::SetReorderLevel { level, at } => Event::ReorderLevelSet { level, at },
        })
    }

    fn incoming(&self, quantity: i64) -> Result<i64, Error> {
        let fits = (1..=MAX_QUANTITY).contains(&quantity) && self.on_hand.checked_add(quantity).is_some();
        if fits { Ok(quantity) } else { Err(Error::Quantity) }
    }

    fn outgoing(&self, quantity: i64) -> Result<i64, Error> {
        if !(1..=MAX_QUANTITY).contains(&quantity) {
            return Err(Error::Quantity);
        }
        let available = self.available();
        if quantity > available { Err(Error::NotEnough { available, wanted: quantity }) } else { Ok(quantity) }
    }

    fn held(&self, reservation: Uuid) -> Result<(i64, DateTime<Utc>), Error> {
        match self.reservations.get(&reservation) {
            Some(Reservation::Held { quantity, expires_at }) => Ok((*quantity, *expires_at)),
            Some(Reservation::Ended) => Err(Error::ReservationEnded),
            None => Err(Error::ReservationUnknown),
        }
    }

    /// The state after an event.
    pub fn evolve(&mut self, event: Event) {
        match event {
            Event::Received { quantity, .. }
            | Event::Adjusted { quantity, .. }
            | Event::TransferredIn { quantity, .. } => {
                self.on_hand += quantity;
            }
            Event::Issued { quantity, .. } | Event::TransferredOut { quantity, .. } => self.on_hand -= quantity,
            Event::Reserved { reservation, quantity, expires_at, .. } => {
                self.reserved += quantity;
                self.reservations.insert(reservation, Reservation::Held { quantity, expires_at });
            }
            Event::Released { reservation, quantity, .. } => {
                self.reserved -= quantity;
                self.reservations.insert(reservation, Reservation::Ended);
            }
            Event::Committed { reservation, quantity, .. } => {
                self.reserved -= quantity;
                self.on_hand -= quantity;
                self.reservations.insert(reservation, Reservation::Ended);
            }
            Event::ReorderLevelSet { level, .. } => self.reorder_level = Some(level),
            Event::RanLow { .. } => self.low = true,
            Event::Replenished { .. } => self.low = false,
        }
    }
}

impl Command {
    fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Receive { at, .. }
            | Self::Adjust { at, .. }
            | Self::Issue { at, .. }
            | Self::Reserve { at, .. }
            | Self::Release { at, .. }
            | Self::Commit { at, .. }
            | Self::TransferOut { at, .. }
            | Self::TransferIn { at, .. }
            | Self::SetReorderLevel { at, .. } => *at,
        }
    }
}
