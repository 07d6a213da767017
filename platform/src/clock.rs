//! The only place that reads the clock and mints ids.

use chrono::{DateTime, SubsecRound as _, Utc};
use uuid::Uuid;

/// The time, to the microsecond that Postgres keeps.
#[expect(clippy::disallowed_methods, reason = "the edge: here time comes in")]
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// A new id, in the order of time.
#[expect(clippy::disallowed_methods, reason = "the edge: here ids are minted")]
#[must_use]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
