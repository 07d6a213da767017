//! Why a worker goes no further: what passes by itself, and what an operator must look at.

use event_store::FeedError;
use event_store::log::Place;
use thiserror::Error;

use crate::batch::BatchError;
use crate::checkpoint::Stop;
use crate::poison::{in_words, passes};

/// After so many tries an error at the same place is taken to come for ever.
const TRIES: u32 = 5;

/// What ends a worker's turn.
#[derive(Debug, Error)]
pub(crate) enum WorkerError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// This program cannot keep this model; another one may.
    #[error("{0}")]
    Refused(String),
    /// The model holds what the log does not: nobody can keep it.
    #[error("{0}")]
    NotOfThisLog(String),
    /// Something in this program went wrong that was no event's fault alone.
    #[error("the worker panicked")]
    Panicked,
}

impl WorkerError {
    /// An event, or the log, is to blame: trying again does not help.
    pub(crate) fn stops_at_once(&self) -> bool {
        matches!(
            self,
            Self::Batch(BatchError::Poison(_)) | Self::Feed(FeedError::Upcast { .. }) | Self::NotOfThisLog(_)
        )
    }

    /// Trying again helps, sooner or later: nothing is wrong with any event.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Database(error)
            | Self::Feed(FeedError::Unreachable(error))
            | Self::Batch(BatchError::Database(error)) => passes(error),
            Self::Batch(BatchError::Fenced) | Self::Feed(FeedError::Lost { .. }) | Self::Refused(_) => true,
            Self::Batch(BatchError::Poison(_))
            | Self::Feed(FeedError::Upcast { .. })
            | Self::NotOfThisLog(_)
            | Self::Panicked => false,
        }
    }
}

/// How often the same place was not got beyond.
#[derive(Default)]
pub(crate) struct Tries {
    place: Option<Place>,
    count: u32,
}

impl Tries {
    /// The last error did not pass by itself.
    pub(crate) fn is_again(&self) -> bool {
        self.count > 1
    }

    /// An error that comes again and again at the same place does not pass by itself.
    pub(crate) fn too_many(&mut self, place: Option<Place>) -> bool {
        if self.place != place {
            *self = Self { place, count: 0 };
        }
        self.count += 1;
        self.count >= TRIES
    }
}

/// Why a projection stops, without what events say.
pub(crate) fn stop_of(error: &WorkerError) -> Stop {
    match error {
        WorkerError::Batch(BatchError::Poison(poison)) => {
            Stop { event: Some((poison.position, poison.event_type.clone())), reason: poison.reason.clone() }
        }
        WorkerError::Feed(FeedError::Upcast { position, .. }) => {
            Stop { event: Some((*position, String::new())), reason: "it could not be brought up to date".to_owned() }
        }
        error => Stop { event: None, reason: in_few_words(error) },
    }
}

pub(crate) fn in_few_words(error: &WorkerError) -> String {
    match error {
        WorkerError::Database(error) | WorkerError::Batch(BatchError::Database(error))
            if error.as_database_error().is_some() =>
        {
            format!("the database refuses: {}", in_words(error))
        }
        error => error.to_string(),
    }
}
