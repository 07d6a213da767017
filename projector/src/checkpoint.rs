//! How far a projection has got. Moves with its rows, in the same transaction, by compare-and-set.

use chrono::{DateTime, Utc};
use event_store::Lease;
use event_store::log::Place;
use sqlx::{PgConnection, PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

/// A row of `projection.checkpoints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The projection.
    pub name: String,
    /// The version of its schema and fold.
    pub version: i32,
    /// The log that it was made from.
    pub log_id: Uuid,
    /// The last event that is in its rows.
    pub position: i64,
    /// The id of that event.
    pub event_id: Uuid,
    /// `running`, `rebuilding` or `stopped`.
    pub status: String,
    /// The event that it could not apply; none where it is not to blame on one.
    pub stopped_at_position: Option<i64>,
    /// That event's type.
    pub stopped_event_type: Option<String>,
    /// Since when.
    pub stopped_since: Option<DateTime<Utc>>,
    /// Why it could not.
    pub error: Option<String>,
}

/// Why a projection has stopped, in words that hold nothing of what events say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The event that it cannot apply, if it is to blame on one, and its type.
    pub event: Option<(i64, String)>,
    /// Why.
    pub reason: String,
}

impl Checkpoint {
    /// The checkpoint of a projection, if it has ever run.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as!(
            Self,
            "select name, version, log_id, position, event_id, status, stopped_at_position, stopped_event_type, stopped_since, error
             from projection.checkpoints where name = $1",
            name
        )
        .fetch_optional(executor)
        .await
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { position: self.position, event_id: self.event_id }
    }

    /// It has stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.status == "stopped"
    }

    /// Makes the checkpoint of a new model, at 0.
    pub(crate) async fn create(
        connection: &mut PgConnection,
        name: &str,
        version: i32,
        status: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "insert into projection.checkpoints (name, version, log_id, position, event_id, status)
             select $1, $2, log_id, 0, $4, $3 from public.log_head",
            name,
            version,
            status,
            Uuid::nil()
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Says that the projection goes no further, unless it has got further meanwhile.
    pub(crate) async fn stop(
        executor: impl PgExecutor<'_>,
        name: &str,
        at: Place,
        Stop { event, reason }: &Stop,
    ) -> Result<(), sqlx::Error> {
        let (position, event_type) = event.as_ref().map(|(position, of)| (*position, of.as_str())).unzip();
        sqlx::query!(
            "update projection.checkpoints
             set status = 'stopped', stopped_at_position = $4, stopped_event_type = $5, error = $6, updated_at = clock_timestamp(),
                 stopped_since = case when status = 'stopped' then stopped_since else clock_timestamp() end
             where name = $1 and position = $2 and event_id = $3",
            name,
            at.position,
            at.event_id,
            position,
            event_type,
            reason
        )
        .execute(executor)
        .await?;
        Ok(())
    }
}

/// Adds a statement that moves a checkpoint from one place to another. It returns no row when the checkpoint does not stand there, when the
/// log does not have these events there, or when the lease is no longer held: whoever asks must not commit.
pub(crate) fn push_advance(query: &mut QueryBuilder<'_, Postgres>, name: &str, from: Place, to: Place, lease: &Lease) {
    query
        .push("update projection.checkpoints set position = ")
        .push_bind(to.position)
        .push(", event_id = ")
        .push_bind(to.event_id)
        .push(
            ", status = case status when 'stopped' then 'running' else status end, stopped_at_position = null, stopped_event_type = null,
             stopped_since = null, error = null, updated_at = clock_timestamp() where name = ",
        )
        .push_bind(name.to_owned())
        .push(" and position = ")
        .push_bind(from.position)
        .push(" and event_id = ")
        .push_bind(from.event_id);
    for place in [from, to].into_iter().filter(|place| *place != Place::START) {
        query
            .push(" and exists (select from public.events where position = ")
            .push_bind(place.position)
            .push(" and event_id = ")
            .push_bind(place.event_id)
            .push(")");
    }
    query
        .push(" and exists (select from public.leases where name = ")
        .push_bind(lease.name.clone())
        .push(" and token = ")
        .push_bind(lease.token)
        .push(" and expires_at > clock_timestamp()) returning 1");
}
