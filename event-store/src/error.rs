//! Why a command has no receipt.

use thiserror::Error;

use crate::DecodeError;

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
    /// An event would not fit into a message. Nothing was done.
    #[error("the command makes an event of {bytes} bytes; {limit} are allowed")]
    TooLarge {
        /// Size of payload and metadata.
        bytes: usize,
        /// [`crate::Settings::max_event_bytes`].
        limit: usize,
    },
    /// The log could not be read, or not be understood.
    #[error("the log could not be used")]
    Log(#[from] LogError),
}

/// The log could not be read, or not be understood.
#[derive(Debug, Error)]
pub enum LogError {
    /// No answer from the database.
    #[error("the database could not be reached")]
    Unreachable(#[from] sqlx::Error),
    /// An event or a state is not what its type says.
    #[error("an event could not be read")]
    Decode(#[from] DecodeError),
    /// An event or a state could not be written as JSON.
    #[error("an event could not be written")]
    Encode(#[from] serde_json::Error),
    /// The appender's task is gone.
    #[error("the appender has stopped")]
    Stopped,
}
