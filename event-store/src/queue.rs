//! Where commits wait for the appender.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::commit::{Commit, Outcome};
use crate::fence::Fence;

/// A commit on its way into the log, and who waits for its outcome.
pub(crate) struct Pending {
    pub(crate) commit: Commit,
    /// One per stream of the commit, in the same order.
    pub(crate) fences: Vec<Arc<Fence>>,
    pub(crate) answer: oneshot::Sender<Outcome>,
    pub(crate) queued: Instant,
}

impl Pending {
    /// And who waits for the outcome.
    pub(crate) fn new(commit: Commit, fences: Vec<Arc<Fence>>) -> (Self, oneshot::Receiver<Outcome>) {
        let (answer, answered) = oneshot::channel();
        (Self { commit, fences, answer, queued: Instant::now() }, answered)
    }
}

/// The receiving end.
pub(crate) struct Queue {
    pub(crate) pending: mpsc::Receiver<Pending>,
    pub(crate) max_batch: usize,
    pub(crate) closing: CancellationToken,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// All that wait now.
    pub(crate) fn drain(&mut self, received: &mut Vec<Pending>) {
        while let Ok(pending) = self.pending.try_recv() {
            received.push(pending);
        }
    }

    /// Waits for commits; `false` when there will be none any more.
    pub(crate) async fn receive(&mut self, received: &mut Vec<Pending>) -> bool {
        let count = tokio::select! {
            biased;
            () = self.closing.cancelled(), if !self.pending.is_closed() => {
                self.pending.close();
                self.pending.recv_many(received, self.max_batch).await
            }
            count = self.pending.recv_many(received, self.max_batch) => count,
        };
        self.gather(received).await;
        count > 0
    }

    /// Lets whoever is about to queue up do so, as long as somebody does: those who were answered by the last batch come back within
    /// microseconds, and a batch of the first few of them would keep all others waiting for a whole commit.
    async fn gather(&mut self, received: &mut Vec<Pending>) {
        let mut before = 0;
        while received.len() > before && received.len() < self.max_batch {
            before = received.len();
            tokio::task::yield_now().await;
            while received.len() < self.max_batch
                && let Ok(pending) = self.pending.try_recv()
            {
                received.push(pending);
            }
        }
    }
}
