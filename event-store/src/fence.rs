//! What commits that were decided on each other's uncommitted states must know of one another.

use tokio::sync::watch;

/// Shared by all commits decided on one generation of a stream's state in memory.
///
/// As long as it holds, each commit was decided on a state that is, or will be, in the log. When one of them is not appended, the
/// fence breaks and every later one was decided on something that never happened.
pub(crate) struct Fence {
    state: watch::Sender<State>,
    epoch: u64,
}

#[derive(Clone, Copy)]
struct State {
    durable: i64,
    broken: bool,
}

impl Fence {
    /// `epoch` counts how often all that was in memory has been forgotten.
    pub(crate) fn at(durable: i64, epoch: u64) -> Self {
        Self { state: watch::Sender::new(State { durable, broken: false }), epoch }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.state.borrow().broken
    }

    pub(crate) fn break_up(&self) {
        self.state.send_modify(|state| state.broken = true);
    }

    /// Events up to `sequence` are in the log.
    pub(crate) fn reached(&self, sequence: i64) {
        self.state.send_if_modified(|state| {
            let forward = sequence > state.durable;
            state.durable = state.durable.max(sequence);
            forward
        });
    }

    /// Waits until events up to `sequence` are in the log (true) or will never be (false).
    pub(crate) async fn settles(&self, sequence: i64) -> bool {
        let mut states = self.state.subscribe();
        let settled = states.wait_for(|state| state.broken || state.durable >= sequence).await;
        settled.is_ok_and(|state| state.durable >= sequence)
    }
}
