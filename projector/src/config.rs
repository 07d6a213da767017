//! The settings of this service; `--help` lists them all.

use std::time::Duration;

use clap::Parser;
use platform::{clock, config};

use crate::WorkerSettings;

/// Read models: pure folds of the log, kept by leased workers.
#[derive(Debug, Clone, Parser)]
#[command(version, about)]
pub struct Config {
    /// Role `annals_projector`.
    #[command(flatten)]
    pub database: config::Database,
    /// Where `/livez`, `/readyz` and `/metrics` are.
    #[command(flatten)]
    pub listen: config::Listen,
    /// User `reader`.
    #[command(flatten)]
    pub nats: config::Nats,
    /// Keep only the read models of these contexts, separated by commas; all if not given.
    #[arg(long, env = "ANNALS_CONTEXTS", value_delimiter = ',')]
    pub contexts: Vec<String>,
    /// Events in one transaction at most.
    #[arg(long, env = "ANNALS_PROJECTION_BATCH", default_value_t = 1000)]
    pub batch: usize,
    /// Rows of each projection kept in memory between batches at most.
    #[arg(long, env = "ANNALS_PROJECTION_CACHED_ROWS", default_value_t = 500_000)]
    pub cached_rows: usize,
    /// Seconds for which a worker may be silent before another takes over.
    #[arg(long, env = "ANNALS_PROJECTION_LEASE", default_value_t = 5)]
    pub lease: u64,
}

impl Config {
    /// How the workers of this process work.
    #[must_use]
    pub fn worker(&self) -> WorkerSettings {
        WorkerSettings {
            holder: format!("projector-{}", clock::new_id()),
            lease: Duration::from_secs(self.lease),
            batch: self.batch,
            cached_rows: self.cached_rows,
        }
    }
}
