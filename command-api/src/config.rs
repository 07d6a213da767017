//! The settings of this service; `--help` lists them all.

use std::time::Duration;

use clap::Parser;
use event_store::Settings;
use platform::config;

use crate::bulk;
use crate::stores::Which;

/// POST: authenticate, decide, append.
#[derive(Debug, Clone, Parser)]
#[command(version, about)]
pub struct Config {
    /// Role `annals_command`.
    #[command(flatten)]
    pub database: config::Database,
    /// Where to listen.
    #[command(flatten)]
    pub listen: config::Listen,
    /// Where it is watched.
    #[command(flatten)]
    pub inner: config::Inner,
    /// Who may use the service.
    #[command(flatten)]
    pub identity: config::Identity,
    /// User `relay`.
    #[command(flatten)]
    pub nats: config::Nats,
    /// Serve only these contexts, separated by commas; all if not given.
    #[arg(long, env = "ANNALS_CONTEXTS", value_delimiter = ',')]
    pub contexts: Vec<String>,
    /// Commands that may wait to be appended; one more is answered 503.
    #[arg(long, env = "ANNALS_QUEUE", default_value_t = 4096)]
    pub queue: usize,
    /// MiB of events that may wait to be appended; a command that would make it more is answered 503.
    #[arg(long, env = "ANNALS_QUEUE_MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub queue_mib: u32,
    /// Seconds: when the oldest command has been waiting for the log for so long, others are turned away with 503 at once.
    #[arg(long, env = "ANNALS_STALLED_AFTER", default_value_t = 2.0, value_parser = seconds)]
    pub stalled_after: f64,
    /// Commands appended in one transaction at most.
    #[arg(long, env = "ANNALS_MAX_BATCH", default_value_t = 512)]
    pub max_batch: usize,
    /// Aggregates kept in memory.
    #[arg(long, env = "ANNALS_CACHED_AGGREGATES", default_value_t = 100_000)]
    pub cached_aggregates: u64,
    /// Hours for which an Idempotency-Key counts.
    #[arg(long, env = "ANNALS_KEY_RETENTION_HOURS", default_value_t = 24)]
    pub key_retention_hours: u64,
    /// Minutes for which units may be reserved at most. Then they are available again by themselves.
    #[arg(long, env = "ANNALS_LONGEST_HOLD_MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=43_200))]
    pub longest_hold_minutes: u32,
    /// Which stores may sell, take returns and be sent stock: `known`, those that the catalog knows and that are open, in their currency; or
    /// `any`, whatever documents say, for importers of history.
    #[arg(long, env = "ANNALS_STORES", value_enum, default_value_t = Which::Known)]
    pub stores: Which,
    /// Commands of one bulk request that may be under way at once.
    #[arg(long, env = "ANNALS_BULK_IN_FLIGHT", default_value_t = 512)]
    pub bulk_in_flight: usize,
    /// Bulk requests at once; one more is answered 503.
    #[arg(long, env = "ANNALS_BULK_REQUESTS", default_value_t = 64)]
    pub bulk_requests: usize,
    /// MiB of answers kept for a client that sends a bulk request and does not read yet; beyond it the rest of the request waits.
    #[arg(long, env = "ANNALS_BULK_WAITING_MIB", default_value_t = 64)]
    pub bulk_waiting_mib: usize,
    /// The same for all clients together.
    #[arg(long, env = "ANNALS_BULK_ALL_WAITING_MIB", default_value_t = 256)]
    pub bulk_all_waiting_mib: usize,
    /// Seconds that a bulk request may take to be sent.
    #[arg(long, env = "ANNALS_BULK_TIMEOUT", default_value_t = 3600)]
    pub bulk_timeout: u64,
}

impl Config {
    /// How the log is written.
    #[must_use]
    pub fn store(&self) -> Settings {
        Settings {
            queue: self.queue,
            queue_bytes: self.queue_mib as usize * 1024 * 1024,
            max_batch: self.max_batch,
            cached_aggregates: self.cached_aggregates,
            key_retention: Duration::from_secs(self.key_retention_hours * 60 * 60),
            answer_within: self.database.answer_within(),
            // Whoever asks is told that the outcome is unknown before the request is given up without a word of it.
            patience: Duration::from_secs(self.listen.request_timeout).mul_f64(0.7),
            stalled_after: Duration::from_secs_f64(self.stalled_after),
            ..Settings::default()
        }
    }

    /// What bulk requests may take.
    #[must_use]
    pub fn bulk(&self) -> bulk::Limits {
        bulk::Limits {
            line: self.listen.max_body_bytes,
            in_flight: self.bulk_in_flight,
            requests: self.bulk_requests,
            waiting: self.bulk_waiting_mib << 20,
            all_waiting: self.bulk_all_waiting_mib << 20,
            time: Duration::from_secs(self.bulk_timeout),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.01..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.01 to 3600 seconds".to_owned()) }
}
