//! Units promised for a while. Every hold ends: it is committed, released, or expires by itself.

use chrono::{DateTime, TimeDelta, Utc};
use rpds::{QueueSync, RedBlackTreeMapSync, RedBlackTreeSetSync};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;

/// Holds on one stock item that may be open at once.
pub const MAX_OPEN: usize = 10_000;

/// For how long an id whose hold has ended is remembered, so that asking again is answered the same and a late hold is refused: as long as
/// an Idempotency-Key counts by default. What comes later still than that gets a new hold, which ends by itself.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// A promise of units until a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// How many.
    pub quantity: i64,
    /// Until when, by the server's time.
    pub expires_at: DateTime<Utc>,
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Its units left.
    Committed,
    /// It was taken back.
    Released,
    /// Its time was over.
    Expired,
    /// It was taken back before it was made.
    Voided,
}

/// The holds of a stock item. Copies share what they have in common, so that a copy costs nothing, however many holds there were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Holds {
    /// Sum of the open holds' units.
    units: i64,
    open: RedBlackTreeMapSync<Uuid, Hold>,
    by_expiry: RedBlackTreeSetSync<(DateTime<Utc>, Uuid)>,
    ended: RedBlackTreeMapSync<Uuid, End>,
    /// When each of `ended` ended, the earliest first.
    ends: QueueSync<(DateTime<Utc>, Uuid)>,
}

impl Holds {
    /// Units that are promised.
    #[must_use]
    pub fn units(&self) -> i64 {
        self.units
    }

    /// An open hold.
    #[must_use]
    pub fn open(&self, id: Uuid) -> Option<Hold> {
        self.open.get(&id).copied()
    }

    /// How a hold ended, if that is still remembered.
    #[must_use]
    pub fn ended(&self, id: Uuid) -> Option<End> {
        self.ended.get(&id).copied()
    }

    /// # Errors
    /// When there are too many to make another one.
    pub(super) fn check_room(&self) -> Result<(), Error> {
        if self.open.size() < MAX_OPEN { Ok(()) } else { Err(Error::TooManyReservations) }
    }

    /// The open holds whose time is over, the earliest first.
    pub(super) fn due(&self, now: DateTime<Utc>) -> impl Iterator<Item = (Uuid, Hold)> {
        self.by_expiry.range(..=(now, Uuid::max())).filter_map(|(_, id)| self.open.get(id).map(|hold| (*id, *hold)))
    }

    pub(super) fn begin(&mut self, id: Uuid, hold: Hold) {
        self.units += hold.quantity;
        self.open.insert_mut(id, hold);
        self.by_expiry.insert_mut((hold.expires_at, id));
    }

    pub(super) fn extend(&mut self, id: Uuid, expires_at: DateTime<Utc>) {
        if let Some(hold) = self.remove(id) {
            self.begin(id, Hold { expires_at, ..hold });
        }
    }

    /// Ends a hold, or, where there is none, leaves word that there will be none. `at` is the server's time.
    pub(super) fn end(&mut self, id: Uuid, how: End, at: DateTime<Utc>) {
        self.remove(id);
        self.ended.insert_mut(id, how);
        self.ends.enqueue_mut((at, id));
        while let Some((ended, oldest)) = self.ends.peek().copied()
            && at.signed_duration_since(ended) > REMEMBERED
        {
            self.ends.dequeue_mut();
            self.ended.remove_mut(&oldest);
        }
    }

    fn remove(&mut self, id: Uuid) -> Option<Hold> {
        let hold = self.open(id)?;
        self.units -= hold.quantity;
        self.open.remove_mut(&id);
        self.by_expiry.remove_mut(&(hold.expires_at, id));
        Some(hold)
    }
}
