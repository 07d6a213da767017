//! When to let the next batch grow.

use std::time::Duration;

use tokio::time::Instant;

/// Fewer events than this are no load, however fast they come.
const FEW: usize = 32;
/// How far events are apart when they come fast: more than three thousand a second.
const APART: Duration = Duration::from_micros(333);
/// For how long a batch is left to grow.
const GATHER: Duration = Duration::from_millis(50);

/// Watches the batches that a reader of the log gets. While events come fast, it has the reader wait a little after each: the next batch
/// is larger, costs hardly more, and commands have the machine meanwhile. While they come slowly, nobody waits.
#[derive(Debug)]
pub struct Pace {
    max: usize,
    last: Instant,
}

impl Pace {
    /// For batches of at most `max` events. A full one is never waited after: there is more already.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, last: Instant::now() }
    }

    /// Waits after a batch of so many events, if they came fast.
    pub async fn after(&mut self, events: usize) {
        let time = self.last.elapsed();
        // Before the wait, so that it counts as time in which the next batch came.
        self.last = Instant::now();
        if self.is_fast(events, time) {
            tokio::time::sleep(GATHER).await;
        }
    }

    fn is_fast(&self, events: usize, time: Duration) -> bool {
        (FEW..self.max).contains(&events) && time < APART * u32::try_from(events).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_events_that_come_fast_are_waited_after() {
        let pace = Pace::new(1000);
        assert!(pace.is_fast(200, GATHER));
        assert!(!pace.is_fast(FEW - 1, Duration::ZERO), "a few at once are no load");
        assert!(!pace.is_fast(1000, Duration::ZERO), "a full batch has more behind it");
    }

    #[test]
    fn what_was_gathered_while_waiting_does_not_keep_it_waiting_at_a_thousand_a_second() {
        let gathered = usize::try_from(GATHER.as_millis()).unwrap();
        assert!(!Pace::new(1000).is_fast(gathered, GATHER));
    }
}
