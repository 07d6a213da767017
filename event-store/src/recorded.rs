//! An event as it stands in the log.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use thiserror::Error;
use uuid::Uuid;

use crate::Metadata;

/// An event as it stands in the log, after upcasting.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its place in the log: 1, 2, 3 … in commit order, without a gap.
    pub position: i64,
    /// What kind of aggregate decided it.
    pub aggregate_type: String,
    /// Which one.
    pub aggregate_id: String,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Unique, and made when it was decided.
    pub event_id: Uuid,
    /// `context.past_tense`.
    pub event_type: String,
    /// The version of the payload's shape.
    pub event_version: String,
    /// The event itself.
    pub payload: Box<RawValue>,
    /// Who, why and in what trace.
    pub metadata: Box<RawValue>,
    /// When it was decided, by the clock of the command API.
    pub recorded_at: DateTime<Utc>,
}

/// An event that is not what its reader takes it for.
#[derive(Debug, Error)]
#[error("event {position} ({event_type}) could not be read")]
pub struct DecodeError {
    /// Where in the log.
    pub position: i64,
    /// What it says it is.
    pub event_type: String,
    #[source]
    source: serde_json::Error,
}

impl Recorded {
    /// The typed event.
    pub fn decode<E: DeserializeOwned>(&self) -> Result<E, DecodeError> {
        serde_json::from_str(self.payload.get()).map_err(|source| self.unreadable(source))
    }

    /// The typed metadata.
    pub fn metadata(&self) -> Result<Metadata, DecodeError> {
        serde_json::from_str(self.metadata.get()).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: serde_json::Error) -> DecodeError {
        DecodeError { position: self.position, event_type: self.event_type.clone(), source }
    }
}
