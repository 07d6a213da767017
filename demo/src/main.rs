//! Drives a shop through the HTTP APIs, and checks what the read models answer.

mod client;
mod online_retail;
mod shop;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::online_retail::{check, load};

/// Drives a shop through the HTTP APIs, and checks what the read models answer.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes: 0 ok, 1 failed or refused, 2 usage, 3 differences found"
)]
struct Demo {
    #[command(flatten)]
    apis: Apis,
    #[command(subcommand)]
    command: Option<Command>,
    /// Load this file: the same as `load FILE`.
    #[arg(long)]
    csv: Option<PathBuf>,
    /// Where it is written down how far the load has got.
    #[arg(long)]
    state: Option<PathBuf>,
}

/// Where the system is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Apis {
    /// The command API.
    #[arg(long, global = true, env = "ANNALS_COMMAND_URL", default_value = "http://127.0.0.1:7801")]
    pub(crate) command_url: String,
    /// The query API.
    #[arg(long, global = true, env = "ANNALS_QUERY_URL", default_value = "http://127.0.0.1:7802")]
    pub(crate) query_url: String,
    /// A key whose role is manager or admin.
    #[arg(long, global = true, env = "ANNALS_API_KEY", hide_env_values = true, default_value = "")]
    pub(crate) api_key: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A small shop of invented data. Safe to run twice.
    Shop,
    /// A file in the format of the Online Retail data set (plain or .gz), as commands, in the file's order. Goes on where it stopped.
    Load {
        /// The file.
        file: PathBuf,
        /// Where it is written down how far the load has got.
        #[arg(long)]
        state: Option<PathBuf>,
    },
    /// Compare the read models with reference answers.
    Check {
        /// The answers; tables are read from `<name>.tables.json.gz` beside it, if that is there.
        #[arg(long)]
        reference: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let demo = Demo::parse();
    let outcome = match (demo.command, demo.csv) {
        (Some(Command::Load { file, state }), _) => load::run(&demo.apis, &file, state).await,
        (None, Some(file)) => load::run(&demo.apis, &file, demo.state).await,
        (Some(Command::Check { reference }), _) => check::run(&demo.apis, &reference).await,
        (Some(Command::Shop) | None, _) => shop::run(&demo.apis).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("annals-demo: {error:#}");
        ExitCode::FAILURE
    })
}
