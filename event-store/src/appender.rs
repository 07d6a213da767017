//! One task per process: collects the commits that queue up while the last batch is being committed, and appends them together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::append::{Commit, Outcome, append};
use crate::fence::Fence;
use crate::settings::Settings;

/// A commit on its way into the log, and who waits for its outcome.
pub(crate) struct Pending {
    pub(crate) commit: Commit,
    /// One per stream of the commit, in the same order.
    pub(crate) fences: Vec<Arc<Fence>>,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

/// Owns the receiving end of the queue; ends when every sender is gone.
pub(crate) struct Appender {
    pub(crate) pool: PgPool,
    pub(crate) settings: Arc<Settings>,
    pub(crate) queue: mpsc::Receiver<Pending>,
    pub(crate) appended: watch::Sender<i64>,
    /// Set when the log turned out to be another one, or to have gone back: nothing remembered of it may be believed.
    pub(crate) forget: Box<dyn Fn() + Send + Sync>,
    pub(crate) log_id: Option<Uuid>,
}

impl Appender {
    pub(crate) async fn run(mut self) {
        let mut received = Vec::new();
        while self.queue.recv_many(&mut received, self.settings.max_batch).await > 0 {
            let batch: Vec<Pending> = received.drain(..).filter_map(unless_broken).collect();
            if !batch.is_empty() {
                self.append(batch).await;
            }
        }
    }

    /// Appends until there is an answer. A lost connection leaves it open whether the batch was committed: `append` knows the batch's own
    /// events again, under the lock that an older, still running try would hold.
    async fn append(&mut self, batch: Vec<Pending>) {
        let started = Instant::now();
        let mut pause = Duration::from_millis(10);
        let (log_id, outcomes) = loop {
            match self.try_append(&batch).await {
                Ok(answer) => break answer,
                Err(error) => {
                    metrics::counter!("annals_append_retries_total").increment(1);
                    tracing::warn!(error = %error, commits = batch.len(), "append failed; looking up what became of it");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.settings.max_pause);
                }
            }
        };
        metrics::histogram!("annals_append_batch_commits").record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        metrics::histogram!("annals_append_seconds").record(started.elapsed());
        if self.log_id.replace(log_id).is_some_and(|known| known != log_id) {
            (self.forget)();
        }
        for (pending, outcome) in batch.into_iter().zip(outcomes) {
            self.settle(pending, outcome);
        }
    }

    async fn try_append(&self, batch: &[Pending]) -> Result<(Uuid, Vec<Outcome>), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let oldest_key =
            batch.iter().map(|pending| pending.commit.at).min().unwrap_or_default() - self.settings.key_retention;
        append(&mut connection, batch.iter().map(|pending| &pending.commit), oldest_key).await
    }

    fn settle(&self, pending: Pending, outcome: Outcome) {
        if let Outcome::Appended { last_position } = outcome {
            self.appended.send_if_modified(|position| {
                let forward = last_position > *position;
                *position = last_position.max(*position);
                forward
            });
            for (stream, fence) in pending.commit.streams.iter().zip(&pending.fences) {
                fence.reached(stream.last_sequence());
            }
        } else {
            pending.fences.iter().for_each(|fence| fence.break_up());
        }
        // Whoever asked may have gone; the commit stands all the same.
        let _ = pending.answer.send(outcome);
    }
}

/// A commit decided on a state that will never be in the log is answered at once.
fn unless_broken(pending: Pending) -> Option<Pending> {
    if pending.fences.iter().any(|fence| fence.is_broken()) {
        pending.fences.iter().for_each(|fence| fence.break_up());
        let _ = pending.answer.send(Outcome::Conflict { current: 0 });
        return None;
    }
    Some(pending)
}
