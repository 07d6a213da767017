//! The units of one product in one store.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;
use super::holds::{End, Hold, Holds};
use crate::aggregate::aggregate;
use crate::values::{number, text};

/// Units on hand at most, so that sums of them can be added up.
const MOST: i64 = 1_000_000_000_000_000;

/// Expired holds told of in one event at most, so that it fits into a message.
const EXPIRED_AT_ONCE: usize = 1000;

/// The units of one product in one store. What is available is on hand and not reserved, and never below zero.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StockItem {
    on_hand: i64,
    reorder_level: Option<i64>,
    low: bool,
    holds: Holds,
}

/// What is asked of stock, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub action: Action,
    /// When it happens in the business, as the client says; it may lie in the past.
    pub at: DateTime<Utc>,
    /// The server's time: what expires is judged by it.
    pub now: DateTime<Utc>,
}

/// What can be asked of stock.
#[expect(missing_docs, reason = "each field is named by the API that fills it")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Units come in.
    Receive { quantity: i64, document: Option<String> },
    /// The count was wrong, or units were lost or found.
    Adjust { quantity: i64, reason: String, document: Option<String> },
    /// Units leave without having been reserved, as over a counter.
    Issue { quantity: i64, document: Option<String> },
    /// Promises units until a time, at most `longest` from now. Asked again, it changes nothing.
    Reserve { reservation: Uuid, quantity: i64, expires_at: DateTime<Utc>, longest: TimeDelta },
    /// Promises the units of a reservation until another time, at most `longest` from now.
    Extend { reservation: Uuid, expires_at: DateTime<Utc>, longest: TimeDelta },
    /// Takes a promise back. One that has not been made yet will be refused.
    Release { reservation: Uuid },
    /// Promised units leave.
    Commit { reservation: Uuid },
    /// Takes back the promises whose time is over; every other action does so first, too.
    Expire,
    /// Units leave for another store.
    TransferOut { quantity: i64, to: String, transfer: Uuid },
    /// Units come from another store.
    TransferIn { quantity: i64, from: String, transfer: Uuid },
    /// From how many units down stock is low.
    SetReorderLevel { level: i64 },
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
    Released {
        reservation: Uuid,
        quantity: i64,
        at: DateTime<Utc>,
        /// The server's time. Events from before it was kept have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now: Option<DateTime<Utc>>,
    },
    /// Promised units left.
    Committed {
        reservation: Uuid,
        quantity: i64,
        at: DateTime<Utc>,
        /// The server's time. Events from before it was kept have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        now: Option<DateTime<Utc>>,
    },
    /// A promise was made to last until another time.
    Extended { reservation: Uuid, expires_at: DateTime<Utc>, at: DateTime<Utc> },
    /// The time of promises was over, by the server's time.
    Expired { reservations: Vec<ExpiredReservation>, at: DateTime<Utc> },
    /// A promise was taken back that had not been made: it will not be made any more. `at` is the server's time.
    Voided { reservation: Uuid, at: DateTime<Utc> },
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

/// A promise whose time was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiredReservation {
    /// Which.
    pub reservation: Uuid,
    /// How many units became available.
    pub quantity: i64,
}

aggregate!(StockItem in "stock_item", refuses with Error,
    Received => "inventory.received",
    Adjusted => "inventory.adjusted",
    Issued => "inventory.issued",
    Reserved => "inventory.reserved",
    Released => "inventory.released",
    Committed => "inventory.committed",
    Extended => "inventory.reservation_extended",
    Expired => "inventory.reservations_expired",
    Voided => "inventory.reservation_voided",
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
        self.on_hand - self.holds.units()
    }

    /// What follows from a command.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decide(&self, Command { action, at, now }: Command) -> Result<Vec<Event>, Error> {
        let mut events = self.expired(now);
        let mut after = self.clone();
        for event in &events {
            after.evolve(event.clone());
        }
        action.check()?;
        if let Some(event) = after.movement(action, at, now)? {
            after.evolve(event.clone());
            events.push(event);
        }
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

    fn expired(&self, now: DateTime<Utc>) -> Vec<Event> {
        let due: Vec<_> = self
            .holds
            .due(now)
            .map(|(reservation, hold)| ExpiredReservation { reservation, quantity: hold.quantity })
            .collect();
        due.chunks(EXPIRED_AT_ONCE)
            .map(|reservations| Event::Expired { reservations: reservations.to_vec(), at: now })
            .collect()
    }

    /// What an action leads to, where no promise is left whose time is over; nothing if it was done before.
    fn movement(&self, action: Action, at: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Event>, Error> {
        Ok(Some(match action {
            Action::Receive { quantity, document } => {
                Event::Received { quantity: self.incoming(quantity)?, document, at }
            }
            Action::Adjust { quantity, .. } if !number::is_change(quantity) => {
                return Err(Error::Adjustment);
            }
            Action::Adjust { quantity, reason, document } if quantity > 0 => {
                Event::Adjusted { quantity: self.incoming(quantity)?, reason, document, at }
            }
            Action::Adjust { quantity, reason, document } => {
                self.outgoing(-quantity)?;
                Event::Adjusted { quantity, reason, document, at }
            }
            Action::Issue { quantity, document } => Event::Issued { quantity: self.outgoing(quantity)?, document, at },
            Action::Reserve { reservation, quantity, expires_at, longest } => {
                return self.reserve(reservation, Hold { quantity, expires_at }, longest, at, now);
            }
            Action::Extend { reservation, expires_at, longest } => {
                check_expiry(expires_at, longest, now)?;
                match self.held(reservation)? {
                    hold if hold.expires_at == expires_at => return Ok(None),
                    _ => Event::Extended { reservation, expires_at, at },
                }
            }
            Action::Release { reservation } => return self.release(reservation, at, now),
            Action::Commit { reservation } => match self.holds.ended(reservation) {
                Some(End::Committed) => return Ok(None),
                _ => Event::Committed { reservation, quantity: self.held(reservation)?.quantity, at, now: Some(now) },
            },
            Action::Expire => return Ok(None),
            Action::TransferOut { quantity, to, transfer } => {
                Event::TransferredOut { quantity: self.outgoing(quantity)?, to, transfer, at }
            }
            Action::TransferIn { quantity, from, transfer } => {
                Event::TransferredIn { quantity: self.incoming(quantity)?, from, transfer, at }
            }
            Action::SetReorderLevel { level } if !number::is_level(level) => return Err(Error::Quantity),
            Action::SetReorderLevel { level } => Event::ReorderLevelSet { level, at },
        }))
    }

    fn reserve(
        &self,
        reservation: Uuid,
        hold: Hold,
        longest: TimeDelta,
        at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Event>, Error> {
        match (self.holds.open(reservation), self.holds.ended(reservation)) {
            (Some(open), _) if open.quantity == hold.quantity => return Ok(None),
            (Some(_), _) => return Err(Error::ReservationExists),
            (None, Some(End::Voided)) => return Err(Error::ReservationVoided),
            (None, Some(End::Committed | End::Released | End::Expired)) => return Err(Error::ReservationEnded),
            (None, None) => {}
        }
        check_expiry(hold.expires_at, longest, now)?;
        self.holds.check_room()?;
        let quantity = self.outgoing(hold.quantity)?;
        Ok(Some(Event::Reserved { reservation, quantity, expires_at: hold.expires_at, at }))
    }

    fn release(&self, reservation: Uuid, at: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Event>, Error> {
        match (self.holds.open(reservation), self.holds.ended(reservation)) {
            (Some(Hold { quantity, .. }), _) => Ok(Some(Event::Released { reservation, quantity, at, now: Some(now) })),
            (None, Some(End::Committed)) => Err(Error::ReservationEnded),
            (None, Some(End::Released | End::Expired | End::Voided)) => Ok(None),
            (None, None) => Ok(Some(Event::Voided { reservation, at: now })),
        }
    }

    fn held(&self, reservation: Uuid) -> Result<Hold, Error> {
        match (self.holds.open(reservation), self.holds.ended(reservation)) {
            (Some(hold), _) => Ok(hold),
            (None, Some(End::Expired)) => Err(Error::ReservationExpired),
            (None, Some(End::Committed | End::Released | End::Voided)) => Err(Error::ReservationEnded),
            (None, None) => Err(Error::ReservationUnknown),
        }
    }

    fn incoming(&self, quantity: i64) -> Result<i64, Error> {
        let fits = number::is_quantity(quantity) && self.on_hand.checked_add(quantity).is_some_and(|sum| sum <= MOST);
        if fits { Ok(quantity) } else { Err(Error::Quantity) }
    }

    fn outgoing(&self, quantity: i64) -> Result<i64, Error> {
        if !number::is_quantity(quantity) {
            return Err(Error::Quantity);
        }
        let available = self.available();
        if quantity > available { Err(Error::NotEnough { available, wanted: quantity }) } else { Ok(quantity) }
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
                self.holds.begin(reservation, Hold { quantity, expires_at });
            }
            Event::Extended { reservation, expires_at, .. } => self.holds.extend(reservation, expires_at),
            Event::Released { reservation, at, now, .. } => {
                self.holds.end(reservation, End::Released, now.unwrap_or(at));
            }
            Event::Committed { reservation, quantity, at, now } => {
                self.holds.end(reservation, End::Committed, now.unwrap_or(at));
                self.on_hand -= quantity;
            }
            Event::Expired { reservations, at } => {
                for ExpiredReservation { reservation, .. } in reservations {
                    self.holds.end(reservation, End::Expired, at);
                }
            }
            Event::Voided { reservation, at } => self.holds.end(reservation, End::Voided, at),
            Event::ReorderLevelSet { level, .. } => self.reorder_level = Some(level),
            Event::RanLow { .. } => self.low = true,
            Event::Replenished { .. } => self.low = false,
        }
    }
}

fn check_expiry(expires_at: DateTime<Utc>, longest: TimeDelta, now: DateTime<Utc>) -> Result<(), Error> {
    if expires_at <= now {
        return Err(Error::ExpiresTooEarly);
    }
    if expires_at.signed_duration_since(now) > longest {
        return Err(Error::ReservationTooLong { minutes: longest.num_minutes() });
    }
    Ok(())
}

impl Action {
    /// # Errors
    /// When a text cannot be kept.
    fn check(&self) -> Result<(), Error> {
        let (document, reason) = match self {
            Self::Receive { document, .. } | Self::Issue { document, .. } => (document.as_deref(), None),
            Self::Adjust { document, reason, .. } => (document.as_deref(), Some(reason)),
            Self::TransferOut { to: store, .. } | Self::TransferIn { from: store, .. } if !text::is_key(store) => {
                return Err(Error::Key("store"));
            }
            Self::TransferOut { .. }
            | Self::TransferIn { .. }
            | Self::Reserve { .. }
            | Self::Extend { .. }
            | Self::Release { .. }
            | Self::Commit { .. }
            | Self::Expire
            | Self::SetReorderLevel { .. } => (None, None),
        };
        if reason.is_some_and(|reason| !text::is_name(reason)) {
            Err(Error::Text("reason"))
        } else if document.is_some_and(|document| !text::is_document(document)) {
            Err(Error::Key("document"))
        } else {
            Ok(())
        }
    }
}
