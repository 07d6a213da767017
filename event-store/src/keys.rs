//! Idempotency keys: what a command that was sent before led to.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::commit::Used;
use crate::deadline::Bounded;
use crate::{Idempotency, LogError};

/// What an idempotency key was used for: by this request (`Ok`) or by another one (`Err`). `None` when it is not known, or too old to count.
pub(crate) async fn used(
    database: &Bounded,
    idempotency: &Idempotency,
    oldest: DateTime<Utc>,
) -> Result<Option<Result<Used, OtherRequest>>, LogError> {
    let used = sqlx::query!(
        "select fingerprint, aggregate_type, aggregate_id, sequence, position from idempotency_keys
         where principal = $1 and key = $2 and created_at >= $3",
        idempotency.principal,
        idempotency.key,
        oldest
    )
    .fetch_optional(database)
    .await?;
    Ok(used.map(|used| {
        if used.fingerprint == idempotency.fingerprint {
            Ok(Used {
                aggregate_type: used.aggregate_type,
                aggregate_id: used.aggregate_id,
                sequence: used.sequence,
                position: used.position,
            })
        } else {
            Err(OtherRequest)
        }
    }))
}

/// An idempotency key was used for another request.
pub(crate) struct OtherRequest;

/// Removes keys that were recorded before `oldest`, at most `limit` of them, and tells how many.
pub async fn purge_idempotency_keys(
    executor: impl PgExecutor<'_>,
    oldest: DateTime<Utc>,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let purged = sqlx::query!(
        "delete from idempotency_keys where (principal, key) in (
             select principal, key from idempotency_keys where created_at < $1 order by created_at limit $2)",
        oldest,
        limit
    )
    .execute(executor)
    .await?;
    Ok(purged.rows_affected())
}
