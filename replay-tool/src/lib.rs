//! Rebuild, verify and watch projections.

mod decide;
mod out;
mod progress;
mod rebuild;
mod status;
mod verify;

pub use out::remark;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use event_store::{FeedSource, Upcasters};
use platform::config;
use platform::database::Purpose;
use projector::rebuild::RebuildError;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::out::say;

/// Nothing differs from what it should be.
pub(crate) const DIFFERENCES: u8 = 3;
const BUSY: u8 = 4;
const UNREACHABLE: u8 = 69;
const INTERRUPTED: u8 = 130;

/// Rebuild, verify and watch projections.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 ok, 1 failed, 2 usage, 3 differences found, 4 busy or wrong schema, 69 unreachable, 130 interrupted (resumable)"
)]
pub struct Tool {
    /// Role `annals_replay`; for `migrate` the owner of the database.
    #[command(flatten)]
    database: config::Database,
    /// For `verify` and `remake-stream`; user `relay`.
    #[command(flatten)]
    nats: config::Nats,
    /// JSON lines instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the database's schema up to date.
    Migrate,
    /// Build projections anew beside the live ones, then swap.
    Rebuild {
        /// Which.
        #[arg(required_unless_present = "all", value_parser = names())]
        projections: Vec<String>,
        /// All of them.
        #[arg(long, conflicts_with = "projections")]
        all: bool,
    },
    /// How far each projection has got, which have stopped and why, and what was decided about them.
    Status,
    /// Leave the event out at which a projection has stopped, for ever on record, and let it go on.
    Skip {
        /// Which.
        #[arg(value_parser = names())]
        projection: String,
        /// The event at which it has stopped.
        #[arg(long)]
        position: i64,
        #[command(flatten)]
        why: decide::Why,
    },
    /// Leave an event out no more; the next rebuild applies it.
    Unskip {
        /// Which.
        #[arg(value_parser = names())]
        projection: String,
        /// The event that is left out.
        #[arg(long)]
        position: i64,
        #[command(flatten)]
        why: decide::Why,
    },
    /// Let a projection go on that has stopped, as when a new release can apply what the one before could not.
    Resume {
        /// Which.
        #[arg(value_parser = names())]
        projection: String,
        #[command(flatten)]
        why: decide::Why,
    },
    /// Whether the log is dense, streams have no gaps, the stream equals the log, and checkpoints make sense. What is only late is told
    /// apart from what is wrong.
    Verify {
        /// Compare every message of the stream with the log, not only some.
        #[arg(long)]
        all_messages: bool,
    },
    /// Delete the JetStream stream and make it anew; the relay fills it from the log.
    RemakeStream,
}

/// The projections there are; another name is a matter of usage.
fn names() -> PossibleValuesParser {
    projector::PROJECTIONS.iter().map(|projection| projection.name()).collect::<Vec<_>>().into()
}

/// Runs a command.
///
/// # Errors
/// Whatever it meets; [`failure`] makes an exit code of it.
pub async fn run(tool: Tool, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let pool = tool.database.connect("replay-tool", Purpose::Reading).await?;
    match &tool.command {
        Command::Migrate => {
            event_store::MIGRATOR.run(&pool).await.context("the migrations could not be applied")?;
            say!("the database is up to date");
            Ok(ExitCode::SUCCESS)
        }
        Command::Rebuild { projections, all } => {
            rebuild::run(&tool.source(pool).await?, projections, *all, (tool.json, stop)).await
        }
        Command::Status => status::run(&pool, tool.json).await,
        Command::Skip { projection, position, why } => {
            decide::run(&pool, projection, decide::What::Skip(*position), why, tool.json).await
        }
        Command::Unskip { projection, position, why } => {
            decide::run(&pool, projection, decide::What::Unskip(*position), why, tool.json).await
        }
        Command::Resume { projection, why } => {
            decide::run(&pool, projection, decide::What::Resume, why, tool.json).await
        }
        Command::Verify { all_messages } => verify::run(&tool.source(pool).await?, *all_messages, tool.json).await,
        Command::RemakeStream => {
            let client = tool.nats.connect("replay-tool").await?.context("remake-stream needs ANNALS_NATS_URL")?;
            event_store::remake_stream(client, &tool.nats.stream)
                .await
                .map_err(|error| anyhow::anyhow!("the stream could not be made: {error}"))?;
            say!("the stream {} is empty; the relay fills it from the log", tool.nats.stream);
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Tool {
    async fn source(&self, pool: PgPool) -> anyhow::Result<FeedSource> {
        // A rebuild reads the log, and needs no NATS.
        let nats =
            if matches!(self.command, Command::Verify { .. }) { self.nats.connect("replay-tool").await? } else { None };
        Ok(FeedSource { pool, nats, stream: self.nats.stream.clone(), upcasters: Upcasters::new(domain::upcasters()) })
    }
}

/// Tells what went wrong and chooses the exit code.
#[must_use]
pub fn failure(error: &anyhow::Error) -> ExitCode {
    if out::is_closed(error) {
        return ExitCode::SUCCESS;
    }
    out::remark(format!("replay-tool: {error:#}"));
    let unreachable = error.chain().any(|cause| {
        matches!(cause.downcast_ref::<sqlx::Error>(), Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut))
            || cause.downcast_ref::<async_nats::ConnectError>().is_some()
    });
    let missing_table = error.chain().any(|cause| {
        matches!(cause.downcast_ref::<sqlx::Error>(), Some(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01"))
    });
    if matches!(error.downcast_ref(), Some(RebuildError::Interrupted)) {
        ExitCode::from(INTERRUPTED)
    } else if unreachable {
        ExitCode::from(UNREACHABLE)
    } else if missing_table || matches!(error.downcast_ref(), Some(RebuildError::Busy(_))) {
        ExitCode::from(BUSY)
    } else {
        ExitCode::FAILURE
    }
}
