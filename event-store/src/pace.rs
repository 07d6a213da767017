//! When to let the next batch grow.

use std::num::NonZero;
use std::time::Duration;

use tokio::time::Instant;

/// Over how long the rate is taken.
const WINDOW: Duration = Duration::from_millis(250);
/// For how long a batch is left to grow.
const GATHER: Duration = Duration::from_millis(50);

/// Watches the batches that a reader of the log gets. While events come fast, it has the reader wait a little after each: the next batch
/// is larger, costs hardly more, and commands have the machine meanwhile. While they come slowly, nobody waits.
#[derive(Debug)]
pub struct Pace {
    max: usize,
    fast: f64,
    since: Instant,
    events: u32,
    is_fast: bool,
}

impl Pace {
    /// For batches of at most `max` events: a full one is never waited after, as there is more already. They come fast where they are
    /// more than `fast` a second for each core of this machine.
    #[must_use]
    pub fn new(max: usize, fast: u16) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let cores = u16::try_from(cores).unwrap_or(u16::MAX);
        Self { max, fast: f64::from(fast) * f64::from(cores), since: Instant::now(), events: 0, is_fast: false }
    }

    /// Waits after a batch of so many events, if they come fast.
    pub async fn after(&mut self, events: usize) {
        if self.is_fast_after(events, Instant::now()) {
            tokio::time::sleep(GATHER).await;
        }
    }

    fn is_fast_after(&mut self, events: usize, now: Instant) -> bool {
        self.events = self.events.saturating_add(u32::try_from(events).unwrap_or(u32::MAX));
        let time = now - self.since;
        if time >= WINDOW {
            self.is_fast = f64::from(self.events) > self.fast * time.as_secs_f64();
            (self.since, self.events) = (now, 0);
        }
        self.is_fast && events < self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a pace makes of batches of so many events, each so many milliseconds after the one before, at more than 1,000 a second.
    fn waits(pace: &mut Pace, batches: usize, events: usize, apart: u64) -> usize {
        let begin = pace.since;
        let times = (1..=batches).map(|n| begin + Duration::from_millis(apart) * u32::try_from(n).unwrap());
        times.filter(|now| pace.is_fast_after(events, *now)).count()
    }

    fn a_thousand_a_second() -> Pace {
        Pace { fast: 1000.0, ..Pace::new(500, 1) }
    }

    #[test]
    fn only_events_that_keep_coming_fast_are_waited_after() {
        assert_eq!(waits(&mut a_thousand_a_second(), 1000, 9, 10), 0, "900 a second");
        let waited = waits(&mut a_thousand_a_second(), 1000, 11, 10);
        assert!((970..1000).contains(&waited), "1100 a second, but for the first window: {waited}");
        assert_eq!(waits(&mut a_thousand_a_second(), 20, 20, 1), 0, "a burst is no load");
    }

    #[test]
    fn a_full_batch_has_more_behind_it() {
        assert_eq!(waits(&mut a_thousand_a_second(), 1000, 500, 10), 0);
    }

    #[test]
    fn after_a_pause_nobody_waits() {
        let mut pace = a_thousand_a_second();
        waits(&mut pace, 1000, 11, 10);
        let later = pace.since + Duration::from_secs(10);
        assert!(!pace.is_fast_after(11, later));
    }
}
