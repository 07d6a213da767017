//! What operators decide about a projection that has stopped. Kept for ever: who, when, why.

use std::collections::BTreeSet;

use sqlx::{PgExecutor, PgPool};
use thiserror::Error;

use crate::Checkpoint;

/// Who decides, and why.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// The projection.
    pub name: &'a str,
    /// Who, as they say.
    pub operator: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Why a decision is not taken.
#[derive(Debug, Error)]
pub enum DecisionError {
    /// It has not been made.
    #[error("{0} has not been made yet")]
    Unknown(String),
    /// There is nothing to get going.
    #[error("{0} has not stopped")]
    NotStopped(String),
    /// It stopped elsewhere.
    #[error("{name} has not stopped at {position}, but {}", stopped.map_or_else(|| "for another reason; see `status`".to_owned(), |at| format!("at {at}")))]
    Elsewhere {
        /// The projection.
        name: String,
        /// What was to be skipped.
        position: i64,
        /// Where it has stopped.
        stopped: Option<i64>,
    },
    /// It is not left out.
    #[error("{name} does not leave out {position}")]
    NotSkipped {
        /// The projection.
        name: String,
        /// Where in the log.
        position: i64,
    },
    /// The database went away.
    #[error("the database could not be used")]
    Database(#[from] sqlx::Error),
}

/// The events that a projection leaves out.
pub(crate) async fn skipped(executor: impl PgExecutor<'_>, name: &str) -> Result<BTreeSet<i64>, sqlx::Error> {
    let positions =
        sqlx::query_scalar!(r#"select position as "position!" from projection.skipped where name = $1"#, name);
    Ok(positions.fetch_all(executor).await?.into_iter().collect())
}

/// Leaves the event out at which the projection has stopped, and gets it going.
///
/// # Errors
/// When it has not stopped there.
pub async fn skip(pool: &PgPool, decision: &Decision<'_>, position: i64) -> Result<(), DecisionError> {
    let checkpoint = stopped(pool, decision.name).await?;
    if checkpoint.stopped_at_position != Some(position) {
        let (name, stopped) = (decision.name.to_owned(), checkpoint.stopped_at_position);
        return Err(DecisionError::Elsewhere { name, position, stopped });
    }
    record(pool, decision, "skip", Some(position)).await
}

/// Gets a projection going that has stopped, as when a new release can apply what the one before could not.
///
/// # Errors
/// When it has not stopped.
pub async fn resume(pool: &PgPool, decision: &Decision<'_>) -> Result<(), DecisionError> {
    stopped(pool, decision.name).await?;
    record(pool, decision, "resume", None).await
}

/// Leaves an event out no more. The next rebuild applies it.
///
/// # Errors
/// When it is not left out.
pub async fn unskip(pool: &PgPool, decision: &Decision<'_>, position: i64) -> Result<(), DecisionError> {
    if !skipped(pool, decision.name).await?.contains(&position) {
        return Err(DecisionError::NotSkipped { name: decision.name.to_owned(), position });
    }
    record(pool, decision, "unskip", Some(position)).await
}

async fn stopped(pool: &PgPool, name: &str) -> Result<Checkpoint, DecisionError> {
    let checkpoint = Checkpoint::find(pool, name).await?.ok_or_else(|| DecisionError::Unknown(name.to_owned()))?;
    if checkpoint.is_stopped() { Ok(checkpoint) } else { Err(DecisionError::NotStopped(name.to_owned())) }
}

/// On record, and, but for an `unskip`, the projection is told to go on: whoever keeps it looks for that.
async fn record(
    pool: &PgPool,
    decision: &Decision<'_>,
    action: &str,
    position: Option<i64>,
) -> Result<(), DecisionError> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "insert into projection.decisions (name, action, position, reason, operator) values ($1, $2, $3, $4, $5)",
        decision.name,
        action,
        position,
        decision.reason,
        decision.operator
    )
    .execute(&mut *transaction)
    .await?;
    if action != "unskip" {
        sqlx::query!(
            "update projection.checkpoints
             set status = 'running', stopped_at_position = null, stopped_event_type = null, stopped_since = null, error = null,
                 updated_at = clock_timestamp()
             where name = $1 and status = 'stopped'",
            decision.name
        )
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}
