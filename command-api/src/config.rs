//! The settings of this service; `--help` lists them all.

use clap::Parser;
use platform::config;

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
    /// Commands of one bulk request that may be under way at once.
    #[arg(long, env = "ANNALS_BULK_IN_FLIGHT", default_value_t = 512)]
    pub bulk_in_flight: usize,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.01..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.01 to 3600 seconds".to_owned()) }
}
