//! Where commits wait for the appender.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
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
    /// What it takes of the memory for commits that wait.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Pending {
    /// And who waits for the outcome.
    pub(crate) fn new(commit: Commit, fences: Vec<Arc<Fence>>) -> (Self, oneshot::Receiver<Outcome>) {
        let (answer, answered) = oneshot::channel();
        (Self { commit, fences, answer, queued: Instant::now(), room: None }, answered)
    }
}

/// How much may wait.
pub(crate) struct Room {
    left: Arc<Semaphore>,
    all: usize,
}

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        let all = (bytes / KIB).clamp(1, Semaphore::MAX_PERMITS);
        Self { left: Arc::new(Semaphore::new(all)), all }
    }

    /// Room for a commit, until it is dropped; `None` when too much is waiting. One that would never fit gets all there is.
    pub(crate) fn take(&self, commit: &Commit) -> Option<OwnedSemaphorePermit> {
        let needed = (commit.sizes().sum::<usize>() / KIB + 1).min(self.all);
        Arc::clone(&self.left).try_acquire_many_owned(u32::try_from(needed).ok()?).ok()
    }
}

/// Room is counted in these.
const KIB: usize = 1024;

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
