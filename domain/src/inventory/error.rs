use thiserror::Error;

use crate::{Kind, Refusal};

/// Why stock is not moved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// Fewer units than asked for.
    #[error("only {available} of {wanted} units are available")]
    NotEnough {
        /// Units that could be taken.
        available: i64,
        /// Units asked for.
        wanted: i64,
    },
    /// There is no such reservation.
    #[error("there is no such reservation")]
    ReservationUnknown,
    /// The reservation's id is taken, by one of another quantity.
    #[error("a reservation with this id exists already, of another quantity")]
    ReservationExists,
    /// It was committed or released before.
    #[error("the reservation was committed or released before")]
    ReservationEnded,
    /// It was taken back before it came.
    #[error("the reservation was taken back before it was made")]
    ReservationVoided,
    /// There are as many as there may be.
    #[error(
        "this stock has 10,000 open reservations, which is as many as there may be; release some, or wait until they expire"
    )]
    TooManyReservations,
    /// It would last for too long.
    #[error("a reservation lasts for at most {minutes} minutes")]
    ReservationTooLong {
        /// The longest.
        minutes: i64,
    },
    /// Too late to commit it.
    #[error("the reservation has expired")]
    ReservationExpired,
    /// It would expire before it begins.
    #[error("a reservation must expire after it is made")]
    ExpiresTooEarly,
    /// No units, or more than can be counted.
    #[error("a quantity must be above 0 and at most 1,000,000,000")]
    Quantity,
    /// An adjustment by nothing.
    #[error("an adjustment must not be 0 and at most 1,000,000,000 either way")]
    Adjustment,
    /// A text that is empty, too long or not printable.
    #[error("{0} must be 1 to 500 printable characters")]
    Text(&'static str),
    /// A key that is none.
    #[error("{0} must be 1 to 64 printable characters, without blanks at its ends")]
    Key(&'static str),
    /// From a store to itself.
    #[error("a transfer must go to another store")]
    SameStore,
    /// Nobody has opened such a store.
    #[error("there is no such store; open it first (importers of history can do without: `--stores any`)")]
    StoreUnknown,
    /// The store takes nothing any more.
    #[error("the store has closed; it takes no stock any more")]
    StoreClosed,
}

impl Refusal for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::NotEnough { .. } => "inventory.not_enough",
            Self::ReservationUnknown => "inventory.reservation_unknown",
            Self::ReservationExists => "inventory.reservation_exists",
            Self::ReservationEnded => "inventory.reservation_ended",
            Self::ReservationVoided => "inventory.reservation_voided",
            Self::TooManyReservations => "inventory.too_many_reservations",
            Self::ReservationTooLong { .. } => "inventory.reservation_too_long",
            Self::ReservationExpired => "inventory.reservation_expired",
            Self::ExpiresTooEarly => "inventory.expires_too_early",
            Self::Quantity => "inventory.quantity",
            Self::Adjustment => "inventory.adjustment",
            Self::Text(_) => "inventory.text",
            Self::Key(_) => "inventory.key",
            Self::SameStore => "inventory.same_store",
            Self::StoreUnknown => "inventory.store_unknown",
            Self::StoreClosed => "inventory.store_closed",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::ReservationUnknown => Kind::Missing,
            Self::ReservationExists
            | Self::ReservationEnded
            | Self::ReservationVoided
            | Self::TooManyReservations
            | Self::ReservationExpired
            | Self::StoreClosed => Kind::OutOfTurn,
            Self::NotEnough { .. }
            | Self::ExpiresTooEarly
            | Self::ReservationTooLong { .. }
            | Self::Quantity
            | Self::Adjustment
            | Self::Text(_)
            | Self::Key(_)
            | Self::SameStore
            | Self::StoreUnknown => Kind::Invalid,
        }
    }

    fn pointer(&self) -> Option<String> {
        match self {
            Self::NotEnough { .. } | Self::Quantity | Self::Adjustment => Some("/quantity".to_owned()),
            Self::ExpiresTooEarly | Self::ReservationTooLong { .. } => Some("/expires_at".to_owned()),
            Self::Text(field) | Self::Key(field) => Some(format!("/{field}")),
            Self::SameStore | Self::StoreUnknown | Self::StoreClosed => Some("/to".to_owned()),
            _ => None,
        }
    }
}
