//! How long the oldest commit has been waiting: the first sign that the log takes nothing any more.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often the gauge is brought up to date.
const EVERY: Duration = Duration::from_millis(250);

/// What the appender is busy with, and how it has fared. Cheap to clone; all clones tell the same.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<State>>);

#[derive(Clone, Copy, Default)]
struct State {
    oldest: Option<Instant>,
    answered: Option<Instant>,
}

impl Waiting {
    /// The oldest commit of the batch that is being appended was queued then.
    pub(crate) fn since(&self, queued: Option<Instant>) {
        self.update(|state| state.oldest = queued);
    }

    /// There was an answer, and nothing waits for that batch any more.
    pub(crate) fn ended(&self) {
        let answered = Some(Instant::now());
        self.update(|state| *state = State { oldest: None, answered });
    }

    /// How long the oldest commit has been waiting.
    pub(crate) fn age(&self) -> Duration {
        self.state().oldest.map(|oldest| oldest.elapsed()).unwrap_or_default()
    }

    /// Whether there was an answer so short a time ago.
    pub(crate) fn answered_within(&self, time: Duration) -> bool {
        self.state().answered.is_some_and(|answered| answered.elapsed() < time)
    }

    /// Keeps the gauge up to date as long as somebody else has this.
    pub(crate) fn show(&self) {
        let state = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(state) = Weak::upgrade(&state) {
                metrics::gauge!("annals_append_oldest_seconds").set(Self(state).age());
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    fn state(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
