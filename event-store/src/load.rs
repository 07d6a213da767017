//! From the log into memory.

use std::sync::Arc;

use cqrs_es::Aggregate;
use sqlx::types::Json;
use uuid::Uuid;

use crate::deadline::Bounded;
use crate::stream::Version;
use crate::{LogError, Recorded, Upcasters, snapshot};

/// The state of a stream as it is in the log, made from what is known of it, or its snapshot, and the events since.
pub(crate) async fn version<A: Aggregate + Clone>(
    database: &Bounded,
    upcasters: &Upcasters,
    id: &str,
    state_version: &str,
    known: Option<Version<A>>,
) -> Result<Version<A>, LogError> {
    let mut start = match known {
        Some(known) => known,
        None => snapshot::load(database, id, state_version).await?.unwrap_or_else(Version::empty),
    };
    let events = loop {
        match since(database, A::TYPE, id, &start).await? {
            Some(events) => break events,
            None => start = Version::empty(),
        }
    };
    if events.is_empty() {
        return Ok(start);
    }
    let mut state = A::clone(&start.state);
    let (mut sequence, mut event_id) = (start.sequence, start.event_id);
    for event in events {
        (sequence, event_id) = (event.sequence, event.event_id);
        state.apply(upcasters.apply(event)?.decode()?);
    }
    Ok(Version { state: Arc::new(state), sequence, event_id })
}

/// The events of a stream since a version; `None` when that is not a version of this log: it may have lost its tail, and grown again.
async fn since<A>(
    database: &Bounded,
    aggregate_type: &str,
    id: &str,
    version: &Version<A>,
) -> Result<Option<Vec<Recorded>>, sqlx::Error> {
    if version.sequence == 0 {
        return stream(database, aggregate_type, id, 0).await.map(Some);
    }
    // With the event that the version stands on, so that one statement sees both.
    let mut events = stream(database, aggregate_type, id, version.sequence - 1).await?.into_iter();
    let stands_on = events.next().map(|event| (event.sequence, event.event_id));
    Ok((stands_on == Some((version.sequence, version.event_id))).then(|| events.collect()))
}

/// The events of a stream after `sequence`, in order, as they were written.
pub(crate) async fn stream(
    database: &Bounded,
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
    .fetch_all(database)
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

/// Where a stream stands, and whether it has that event at that sequence; an empty one has the nil event at 0.
pub(crate) async fn standing(
    database: &Bounded,
    aggregate_type: &str,
    id: &str,
    sequence: i64,
    event_id: Uuid,
) -> Result<Standing, LogError> {
    let standing = sqlx::query!(
        r#"select sequence, position, exists (
               select from events e where e.aggregate_type = $1 and e.aggregate_id = $2 and e.sequence = $3 and e.event_id = $4
           ) as "is_there!"
           from events where aggregate_type = $1 and aggregate_id = $2 order by sequence desc limit 1"#,
        aggregate_type,
        id,
        sequence,
        event_id
    )
    .fetch_optional(database)
    .await?;
    let is_there = sequence == 0 || standing.as_ref().is_some_and(|standing| standing.is_there);
    let tip = standing.map(|row| Tip { sequence: row.sequence, position: row.position }).unwrap_or_default();
    Ok(Standing { tip, is_there })
}

/// The last event of a stream; sequence and position are 0 for an empty one.
pub(crate) async fn tip(database: &Bounded, aggregate_type: &str, id: &str) -> Result<Tip, LogError> {
    let tip = sqlx::query_as!(
        Tip,
        "select sequence, position from events where aggregate_type = $1 and aggregate_id = $2 order by sequence desc limit 1",
        aggregate_type,
        id
    )
    .fetch_optional(database)
    .await?;
    Ok(tip.unwrap_or_default())
}

/// Where a stream ends, and whether what is remembered of it is in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) tip: Tip,
    pub(crate) is_there: bool,
}

/// Where a stream ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tip {
    pub(crate) sequence: i64,
    pub(crate) position: i64,
}
