//! States of long streams, kept so that loading them takes no longer than loading short ones. All of them may be thrown away.

use std::sync::Arc;

use cqrs_es::Aggregate;

use crate::LogError;
use crate::deadline::Bounded;
use crate::stream::Version;

/// The stored state of a stream. One of another shape is no error: the events are all there.
pub(crate) async fn load<A: Aggregate>(
    database: &Bounded,
    id: &str,
    state_version: &str,
) -> Result<Option<Version<A>>, LogError> {
    let stored = sqlx::query!(
        "select sequence, event_id, state from snapshots where aggregate_type = $1 and aggregate_id = $2 and state_version = $3",
        A::TYPE,
        id,
        state_version
    )
    .fetch_optional(database)
    .await?;
    Ok(stored.and_then(|stored| {
        let state = serde_json::from_value(stored.state).ok()?;
        Some(Version { state: Arc::new(state), sequence: stored.sequence, event_id: stored.event_id })
    }))
}

/// Stores a state. A newer one that is there already stays, unless the log no longer holds what it was made from.
pub(crate) async fn store<A: Aggregate>(
    database: &Bounded,
    id: &str,
    version: &Version<A>,
    state_version: &str,
) -> Result<(), LogError> {
    sqlx::query!(
        "insert into snapshots (aggregate_type, aggregate_id, sequence, event_id, state, state_version) values ($1, $2, $3, $4, $5, $6)
         on conflict (aggregate_type, aggregate_id) do update set
             sequence = excluded.sequence, event_id = excluded.event_id, state = excluded.state, state_version = excluded.state_version
         where snapshots.sequence < excluded.sequence or snapshots.state_version <> excluded.state_version or not exists (
             select from events e
             where e.aggregate_type = excluded.aggregate_type and e.aggregate_id = excluded.aggregate_id
               and e.sequence = snapshots.sequence and e.event_id = snapshots.event_id
         )",
        A::TYPE,
        id,
        version.sequence,
        version.event_id,
        serde_json::to_value(&*version.state)?,
        state_version
    )
    .execute(database)
    .await?;
    Ok(())
}
