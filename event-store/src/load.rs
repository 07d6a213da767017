//! From the log into memory.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use sqlx::PgPool;
use sqlx::types::Json;

use crate::append::Used;
use crate::stream::Version;
use crate::{Idempotency, LogError, Recorded, Upcasters};

/// Identifies the shape of stored states; a state stored under another version is not used.
pub(crate) const STATE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The state of a stream as it is in the log, made from what is known of it, or its snapshot, and the events since.
pub(crate) async fn version<A: Aggregate + Clone>(
    pool: &PgPool,
    upcasters: &Upcasters,
    id: &str,
    known: Option<Version<A>>,
) -> Result<Version<A>, LogError> {
    let start = match known {
        Some(known) => known,
        None => snapshot(pool, id).await?.unwrap_or_else(|| Version { state: Arc::default(), sequence: 0 }),
    };
    let events = stream(pool, A::TYPE, id, start.sequence).await?;
    if events.is_empty() {
        return Ok(start);
    }
    let mut state = A::clone(&start.state);
    let mut sequence = start.sequence;
    for event in events {
        sequence = event.sequence;
        state.apply(upcasters.apply(event)?.decode()?);
    }
    Ok(Version { state: Arc::new(state), sequence })
}

/// The events of a stream after `sequence`, in order, as they were written.
pub(crate) async fn stream(
    pool: &PgPool,
    aggregate_type: &str,
    id: &str,
    after: i64,
) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select position, sequence, event_id, event_type, event_version, recorded_at,
                  payload as "payload: Json<Box<serde_json::value::RawValue>>", metadata as "metadata: Json<Box<serde_json::value::RawValue>>"
           from events where aggregate_type = $1 and aggregate_id = $2 and sequence > $3 order by sequence"#,
        aggregate_type,
        id,
        after
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Recorded {
            position: row.position,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id: id.to_owned(),
            sequence: row.sequence,
            event_id: row.event_id,
            event_type: row.event_type,
            event_version: row.event_version,
            payload: row.payload.0,
            metadata: row.metadata.0,
            recorded_at: row.recorded_at,
        })
        .collect())
}

/// The position of a stream's last event, 0 for an empty stream.
pub(crate) async fn last_position(pool: &PgPool, aggregate_type: &str, id: &str) -> Result<i64, LogError> {
    let position = sqlx::query_scalar!(
        "select position from events where aggregate_type = $1 and aggregate_id = $2 order by sequence desc limit 1",
        aggregate_type,
        id
    )
    .fetch_optional(pool)
    .await?;
    Ok(position.unwrap_or(0))
}

/// An idempotency key was used for another request.
pub(crate) struct OtherRequest;

/// What an idempotency key was used for: by this request (`Ok`) or by another one (`Err`).
pub(crate) async fn used(
    pool: &PgPool,
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
    .fetch_optional(pool)
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

async fn snapshot<A: Aggregate>(pool: &PgPool, id: &str) -> Result<Option<Version<A>>, LogError> {
    let stored = sqlx::query!(
        "select sequence, state from snapshots where aggregate_type = $1 and aggregate_id = $2 and state_version = $3",
        A::TYPE,
        id,
        STATE_VERSION
    )
    .fetch_optional(pool)
    .await?;
    // A state of another shape is no error: the events are all there.
    Ok(stored.and_then(|stored| {
        let state = serde_json::from_value(stored.state).ok()?;
        Some(Version { state: Arc::new(state), sequence: stored.sequence })
    }))
}

/// Stores a state. A newer one that is there already stays.
pub(crate) async fn store_snapshot<A: Aggregate>(
    pool: &PgPool,
    id: &str,
    version: &Version<A>,
) -> Result<(), LogError> {
    sqlx::query!(
        "insert into snapshots (aggregate_type, aggregate_id, sequence, state, state_version) values ($1, $2, $3, $4, $5)
         on conflict (aggregate_type, aggregate_id) do update
         set sequence = excluded.sequence, state = excluded.state, state_version = excluded.state_version
         where snapshots.sequence < excluded.sequence or snapshots.state_version <> excluded.state_version",
        A::TYPE,
        id,
        version.sequence,
        serde_json::to_value(&*version.state)?,
        STATE_VERSION
    )
    .execute(pool)
    .await?;
    Ok(())
}
