//! The log for people who come from cqrs-es: its repository and its event store over ours.

use std::convert::Infallible;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistedEventStore, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot,
};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use serde_json::value::{RawValue, to_raw_value};
use sqlx::PgPool;
use sqlx::types::Json;
use tokio::time::timeout;

use crate::commit::{Commit, NewEvent, Outcome, StreamCommit};
use crate::execute::event_id;
use crate::queue::Pending;
use crate::{Error, EventStore, LogError, Recorded, Upcasters, load};

const REPLAYED_AHEAD: usize = 1000;

/// `cqrs_es`'s repository over the log. Events are upcast when they are read, and written through the appender.
///
/// It stores no snapshots: those that `PersistedEventStore` would have it store hold each new event twice.
#[derive(Clone)]
pub struct Repository {
    store: EventStore,
    clock: fn() -> DateTime<Utc>,
}

impl Repository {
    /// `clock` tells when events are recorded, as `cqrs_es` does not.
    #[must_use]
    pub fn new(store: EventStore, clock: fn() -> DateTime<Utc>) -> Self {
        Self { store, clock }
    }

    /// The same as a [`cqrs_es::EventStore`], for a `CqrsFramework`.
    #[must_use]
    pub fn into_event_store<A: Aggregate>(self) -> PersistedEventStore<Self, A> {
        PersistedEventStore::new_event_store(self)
    }

    async fn events(&self, kind: &str, id: &str, after: i64) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let events = load::stream(&self.store.0.database, kind, id, after).await.map_err(unreachable)?;
        events.into_iter().map(|event| serialized(event, &self.store.0.upcasters)).collect()
    }

    fn replay(&self, aggregate_type: &'static str, aggregate_id: Option<String>) -> ReplayStream {
        let (mut feed, stream) = ReplayStream::new(REPLAYED_AHEAD);
        let (pool, upcasters) = (self.store.0.database.pool().clone(), self.store.0.upcasters.clone());
        tokio::spawn(async move {
            let mut events = std::pin::pin!(recorded(&pool, aggregate_type, aggregate_id.as_deref()));
            while let Some(event) = events.next().await {
                let event = event.map_err(unreachable).and_then(|event| serialized(event, &upcasters));
                if feed.push(event).await.is_err() {
                    return;
                }
            }
        });
        stream
    }
}

impl PersistedEventRepository for Repository {
    async fn get_events<A: Aggregate>(&self, aggregate_id: &str) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.events(A::TYPE, aggregate_id, 0).await
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.events(A::TYPE, aggregate_id, i64::try_from(last_sequence).unwrap_or(i64::MAX)).await
    }

    async fn get_snapshot<A: Aggregate>(&self, _: &str) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        _snapshot: Option<(String, serde_json::Value, usize)>,
    ) -> Result<(), PersistenceError> {
        let Some(first) = events.first() else { return Ok(()) };
        let at = (self.clock)();
        let new = |event: &SerializedEvent| {
            Ok(NewEvent {
                id: event_id(at),
                event_type: event.event_type.clone(),
                version: event.event_version.clone(),
                payload: to_raw_value(&event.payload)?,
            })
        };
        let stream = StreamCommit {
            aggregate_type: A::TYPE,
            aggregate_id: first.aggregate_id.clone(),
            expected: i64::try_from(first.sequence).unwrap_or(i64::MAX) - 1,
            decided_on: None,
            events: events.iter().map(new).collect::<Result<_, serde_json::Error>>()?,
        };
        let metadata = to_raw_value(&first.metadata)?;
        let commit = Commit { streams: vec![stream], metadata, idempotency: None, at };
        let stopped = || PersistenceError::ConnectionError(LogError::Stopped.into());
        let (pending, answered) = Pending::new(commit, Vec::new());
        let patience = self.store.0.settings.patience;
        let full = |_| PersistenceError::ConnectionError(Error::<Infallible>::Overloaded.into());
        timeout(patience, self.store.0.queue.send(pending)).await.map_err(full)?.map_err(|_| stopped())?;
        let unknown = |_| PersistenceError::ConnectionError(Error::<Infallible>::Unknown.into());
        match timeout(patience, answered).await.map_err(unknown)?.map_err(|_| stopped())? {
            Outcome::Appended { .. } => Ok(()),
            Outcome::Rejected(reason) => Err(PersistenceError::UnknownError(LogError::Rejected(reason).into())),
            Outcome::Conflict(_) | Outcome::Duplicate(_) | Outcome::KeyReused => {
                Err(PersistenceError::OptimisticLockError)
            }
        }
    }

    async fn stream_events<A: Aggregate>(&self, aggregate_id: &str) -> Result<ReplayStream, PersistenceError> {
        Ok(self.replay(A::TYPE, Some(aggregate_id.to_owned())))
    }

    /// In commit order, unlike the stock one.
    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        Ok(self.replay(A::TYPE, None))
    }
}

fn recorded<'a>(
    pool: &'a PgPool,
    aggregate_type: &'a str,
    aggregate_id: Option<&'a str>,
) -> impl Stream<Item = Result<Recorded, sqlx::Error>> + Send + 'a {
    sqlx::query!(
        r#"select position, aggregate_id, sequence, event_id, event_type, event_version, recorded_at,
                  payload as "payload: Json<Box<RawValue>>", metadata as "metadata: Json<Box<RawValue>>"
           from events where aggregate_type = $1 and ($2::text is null or aggregate_id = $2) order by position"#,
        aggregate_type,
        aggregate_id
    )
    .fetch(pool)
    .map_ok(|row| Recorded {
        position: row.position,
        aggregate_type: aggregate_type.to_owned(),
        aggregate_id: row.aggregate_id,
        sequence: row.sequence,
        event_id: row.event_id,
        event_type: row.event_type,
        event_version: row.event_version,
        payload: row.payload.0,
        metadata: row.metadata.0,
        recorded_at: row.recorded_at,
    })
}

fn serialized(event: Recorded, upcasters: &Upcasters) -> Result<SerializedEvent, PersistenceError> {
    let event = upcasters.apply(event)?;
    Ok(SerializedEvent::new(
        event.aggregate_id,
        usize::try_from(event.sequence).unwrap_or_default(),
        event.aggregate_type,
        event.event_type,
        event.event_version,
        serde_json::from_str(event.payload.get())?,
        serde_json::from_str(event.metadata.get())?,
    ))
}

fn unreachable(error: sqlx::Error) -> PersistenceError {
    PersistenceError::ConnectionError(error.into())
}
