//! The settings of this service; `--help` lists them all.

use clap::Parser;
use platform::config;

/// GET: what the read models know.
#[derive(Debug, Clone, Parser)]
#[command(version, about)]
pub struct Config {
    /// Role `annals_query`.
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
    /// Serve only these contexts, separated by commas; all if not given.
    #[arg(long, env = "ANNALS_CONTEXTS", value_delimiter = ',')]
    pub contexts: Vec<String>,
}
