//! What is appended whole or not at all, and what becomes of it.

use chrono::{DateTime, Utc};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::turn::Turn;
use crate::{Error, Idempotency, LogError, Receipt, Request};

/// An event that has been decided and is not yet in the log.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub(crate) id: Uuid,
    pub(crate) event_type: String,
    pub(crate) version: String,
    pub(crate) payload: Box<RawValue>,
}

/// The new events of one stream, and the sequence they were decided on. If there are none, what else the commit holds was decided on it.
#[derive(Debug)]
pub(crate) struct StreamCommit {
    pub(crate) aggregate_type: &'static str,
    pub(crate) aggregate_id: String,
    pub(crate) expected: i64,
    /// The id of the event at that sequence: another log may have another one there. `None` for an empty stream, or if it is not known.
    pub(crate) decided_on: Option<Uuid>,
    pub(crate) events: Vec<NewEvent>,
}

impl StreamCommit {
    pub(crate) fn last_sequence(&self) -> i64 {
        self.expected + i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }
}

/// What is appended whole or not at all.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) streams: Vec<StreamCommit>,
    /// Serialised once, for all events of the commit.
    pub(crate) metadata: Box<RawValue>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) at: DateTime<Utc>,
}

impl Commit {
    /// # Errors
    /// When an event would not fit into a message.
    pub(crate) fn new<E>(request: &Request, streams: Vec<StreamCommit>, limit: usize) -> Result<Self, Error<E>> {
        let metadata = to_raw_value(&request.metadata).map_err(LogError::from)?;
        let commit = Self { streams, metadata, idempotency: request.idempotency.clone(), at: request.now };
        let bytes = commit.sizes().max().unwrap_or(0);
        if bytes > limit {
            return Err(Error::TooLarge { bytes, limit });
        }
        Ok(commit)
    }

    /// The bytes of each event's payload and metadata.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = usize> {
        let events = self.streams.iter().flat_map(|stream| &stream.events);
        events.map(|event| event.payload.get().len() + self.metadata.get().len())
    }

    pub(crate) fn events(&self) -> usize {
        self.streams.iter().map(|stream| stream.events.len()).sum()
    }
}

/// What became of a commit.
#[derive(Debug)]
pub(crate) enum Outcome {
    Appended {
        last_position: i64,
    },
    /// It was decided on what the log does not say.
    Conflict(Turn),
    Duplicate(Used),
    KeyReused,
    /// Postgres takes it for wrong, and would each time.
    Rejected(String),
}

impl Outcome {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Appended { .. } => "appended",
            Self::Conflict(_) => "conflict",
            Self::Duplicate(_) => "duplicate",
            Self::KeyReused => "key_reused",
            Self::Rejected(_) => "rejected",
        }
    }
}

/// What an idempotency key was used for.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: String,
    pub(crate) sequence: i64,
    pub(crate) position: i64,
}

impl Used {
    pub(crate) fn into_receipt(self) -> Receipt {
        Receipt {
            aggregate_type: self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence,
            position: self.position,
            replayed: true,
        }
    }
}
