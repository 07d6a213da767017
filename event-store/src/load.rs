//! From the log into memory.

use std::sync::Arc;

use cqrs_es::Aggregate;
use sqlx::PgPool;
use sqlx::types::Json;

use crate::stream::Version;
use crate::{LogError, Recorded, Upcasters, snapshot};

/// The state of a stream as it is in the log, made from what is known of it, or its snapshot, and the events since.
pub(crate) async fn version<A: Aggregate + Clone>(
    pool: &PgPool,
    upcasters: &Upcasters,
    id: &str,
    state_version: &str,
    known: Option<Version<A>>,
) -> Result<Version<A>, LogError> {
    let start = match known {
        Some(known) => known,
        None => snapshot::load(pool, id, state_version).await?.unwrap_or_else(Version::empty),
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

/// The last event of a stream; sequence and position are 0 for an empty one.
pub(crate) async fn tip(pool: &PgPool, aggregate_type: &str, id: &str) -> Result<Tip, LogError> {
    let tip = sqlx::query_as!(
        Tip,
        "select sequence, position from events where aggregate_type = $1 and aggregate_id = $2 order by sequence desc limit 1",
        aggregate_type,
        id
    )
    .fetch_optional(pool)
    .await?;
    Ok(tip.unwrap_or_default())
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tip {
    pub(crate) sequence: i64,
    pub(crate) position: i64,
}
