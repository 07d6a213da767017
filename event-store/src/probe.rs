//! Whether commands get through: asked the way that they go.

use std::time::Duration;

use chrono::DateTime;
use serde_json::value::RawValue;
use tokio::sync::mpsc::error::TrySendError;

use crate::commit::Commit;
use crate::queue::Pending;
use crate::{EventStore, LogError};

/// For so long, an answer to others tells as much as one of its own.
const RECENT: Duration = Duration::from_secs(1);
/// Whoever asks has little patience. An answer takes some milliseconds.
const PATIENCE: Duration = Duration::from_millis(900);

impl EventStore {
    /// Asks the log for an answer, by a commit without events, unless it has just given one.
    ///
    /// # Errors
    /// When it gives none: commands would be turned away, or wait.
    pub async fn check(&self) -> Result<(), LogError> {
        let waiting = self.waiting();
        if waiting > self.0.settings.stalled_after {
            return Err(LogError::Stalled { waiting });
        }
        if self.0.waiting.answered_within(RECENT) {
            return Ok(());
        }
        let nothing = Commit {
            streams: Vec::new(),
            metadata: RawValue::NULL.to_owned(),
            idempotency: None,
            at: DateTime::UNIX_EPOCH,
        };
        let (pending, answered) = Pending::new(nothing, Vec::new());
        match self.0.queue.try_send(pending) {
            Ok(()) => {}
            // There is plenty to get answers to.
            Err(TrySendError::Full(_)) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(LogError::Stopped),
        }
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(LogError::Stopped),
            Err(_) => Err(LogError::Stalled { waiting: self.waiting().max(PATIENCE) }),
        }
    }

    /// How long the oldest command has been waiting for the log.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        self.0.waiting.age()
    }
}
