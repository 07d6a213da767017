//! What comes with a command, and what it is answered.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::Metadata;

/// What comes with a command.
#[derive(Debug, Clone)]
pub struct Request {
    /// Stored with each of its events.
    pub metadata: Metadata,
    /// When the command came in; the events are recorded as of then.
    pub now: DateTime<Utc>,
    /// Makes sure that sending it again has no second effect.
    pub idempotency: Option<Idempotency>,
    /// Where the stream must stand.
    pub expected: Option<Expected>,
    /// Notified as soon as a command sent after this one will be decided after it.
    pub enqueued: Option<Arc<Notify>>,
}

/// Where a stream must stand for a command to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Anywhere, but it must be there.
    Exists,
    /// At one of these sequences.
    OneOf(Vec<i64>),
}

impl Expected {
    /// Whether a stream that stands there is as expected; one that is not there stands at 0.
    #[must_use]
    pub fn allows(&self, sequence: i64) -> bool {
        match self {
            Self::Exists => sequence > 0,
            Self::OneOf(sequences) => sequences.contains(&sequence),
        }
    }
}

/// An idempotency key, and what it was used for.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Keys of different principals have nothing to do with each other.
    pub principal: String,
    /// Chosen by the client.
    pub key: String,
    /// A digest of the whole request: the same key with another request is refused.
    pub fingerprint: [u8; 32],
}

/// The answer to a command that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Type of the stream that the command was for.
    pub aggregate_type: String,
    /// Its id.
    pub aggregate_id: String,
    /// The sequence it now stands at.
    pub sequence: i64,
    /// The position of the command's last event.
    pub position: i64,
    /// This is the answer to an earlier sending under the same key.
    pub replayed: bool,
}
