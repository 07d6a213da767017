//! The limits of the write side.

use std::time::Duration;

/// The limits of the write side, with defaults that suit one node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Commits that may wait for the appender; one more is [`crate::Error::Overloaded`].
    pub queue: usize,
    /// Bytes of events that may wait for the appender, or be on their way; more is [`crate::Error::Overloaded`]. A batch is never larger.
    pub queue_bytes: usize,
    /// Commits in one batch at most.
    pub max_batch: usize,
    /// Bytes of one event's payload and metadata at most. NATS takes 1 MiB with headers.
    pub max_event_bytes: usize,
    /// Aggregates kept in memory.
    pub cached_aggregates: u64,
    /// A stream's state is stored each time it has grown by so many events.
    pub snapshot_every: i64,
    /// Names the shape and the meaning of stored states: change it with the aggregates, and what was stored before is not used.
    pub state_version: String,
    /// How often a lost race is decided again. Once is nearly always enough: the log is held meanwhile.
    pub retries: usize,
    /// How long an idempotency key counts.
    pub key_retention: Duration,
    /// How long one statement is waited for. Then its connection is closed and what became of it is looked up over another one.
    pub answer_within: Duration,
    /// How long a command is waited for, all in all. After that its outcome is unknown to whoever sent it.
    pub patience: Duration,
    /// When the oldest commit has been waiting for so long, the log is taken to be stalled: commands are turned away at once.
    pub stalled_after: Duration,
    /// The longest pause between tries while Postgres cannot be reached.
    pub max_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: 4096,
            queue_bytes: 256 * 1024 * 1024,
            max_batch: 512,
            max_event_bytes: 900 * 1024,
            cached_aggregates: 100_000,
            snapshot_every: 500,
            state_version: env!("CARGO_PKG_VERSION").to_owned(),
            retries: 16,
            key_retention: Duration::from_secs(24 * 60 * 60),
            answer_within: Duration::from_secs(5),
            patience: Duration::from_secs(10),
            stalled_after: Duration::from_secs(2),
            max_pause: Duration::from_secs(1),
        }
    }
}
