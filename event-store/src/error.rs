//! Why a command has no receipt.

use std::time::Duration;

use thiserror::Error;

use crate::DecodeError;

/// Any cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a command has no receipt. `E` is the refusal of whoever decided.
#[derive(Debug, Error)]
pub enum Error<E> {
    /// The rules of the business say no.
    #[error("the command was refused")]
    Refused(#[source] E),
    /// Others kept changing the stream, or it exists already.
    #[error("the stream was changed by somebody else; it stands at sequence {current}")]
    Conflict {
        /// Where it stands, 0 if that is not known.
        current: i64,
    },
    /// The stream does not stand at the sequence that the request expects.
    #[error("the stream stands at sequence {current}, not at the one expected")]
    PreconditionFailed {
        /// Where it stands.
        current: i64,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The queue is full. Nothing was done; try again later.
    #[error("too many commands are waiting")]
    Overloaded,
    /// The log takes nothing at the moment. Nothing was done; try again later.
    #[error("the log takes nothing at the moment; the oldest command has been waiting for {} ms", waiting.as_millis())]
    Stalled {
        /// How long the oldest command has been waiting.
        waiting: Duration,
    },
    /// The command was handed over to the log, and there was no answer in time. It may be done yet: only sending it again under the same
    /// idempotency key tells.
    #[error("no answer from the log in time; whether the command is done is not known")]
    Unknown,
    /// An event would not fit into a message. Nothing was done.
    #[error("the command makes an event of {bytes} bytes; {limit} are allowed")]
    TooLarge {
        /// Size of payload and metadata.
        bytes: usize,
        /// [`crate::Settings::max_event_bytes`].
        limit: usize,
    },
    /// No answer from the database, or the store has been shut down. Nothing was done.
    #[error("the log could not be reached")]
    Unavailable(#[source] BoxError),
    /// Something in the log, or about to go there, is not what its type says.
    #[error("the log could not be understood")]
    Corrupt(#[source] BoxError),
}

/// The log could not be read, or not be understood.
#[derive(Debug, Error)]
pub enum LogError {
    /// No answer from the database.
    #[error("the database could not be reached")]
    Unreachable(#[from] sqlx::Error),
    /// An event is not what its type says.
    #[error("an event could not be read")]
    Decode(#[from] DecodeError),
    /// An event or a state could not be written as JSON, or an upcaster was given something else.
    #[error("an event could not be written")]
    Json(#[from] serde_json::Error),
    /// [`crate::EventStore::shutdown`] was called.
    #[error("the store has been shut down")]
    Stopped,
    /// The log takes nothing at the moment.
    #[error("the log takes nothing at the moment; the oldest command has been waiting for {} ms", waiting.as_millis())]
    Stalled {
        /// How long the oldest command has been waiting.
        waiting: Duration,
    },
    /// `Aggregate::handle` did not decide at once.
    #[error("an aggregate waits for something while it decides")]
    Waits,
    /// A pair of streams was one stream twice.
    #[error("the two streams of a command are the same one")]
    SameStream,
    /// Postgres takes what was to be written for wrong.
    #[error("the events were rejected: {0}")]
    Rejected(String),
}

impl<E> From<LogError> for Error<E> {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Unreachable(_) | LogError::Stopped => Self::Unavailable(error.into()),
            LogError::Stalled { waiting } => Self::Stalled { waiting },
            LogError::Decode(_)
            | LogError::Json(_)
            | LogError::Waits
            | LogError::SameStream
            | LogError::Rejected(_) => Self::Corrupt(error.into()),
        }
    }
}
