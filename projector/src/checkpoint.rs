//! How far a projection has got. Moves with its rows, in the same transaction, by compare-and-set.

use event_store::Lease;
use sqlx::{PgConnection, PgPool, Postgres, QueryBuilder};
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
    /// `running`, `rebuilding` or `stopped`.
    pub status: String,
    /// The event that it could not apply.
    pub stopped_at_position: Option<i64>,
    /// Why it could not.
    pub error: Option<String>,
}

impl Checkpoint {
    /// The checkpoint of a projection, if it has ever run.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn find(pool: &PgPool, name: &str) -> Result<Option<Self>, sqlx::Error> {
        sqlx::query_as!(
            Self,
            "select name, version, log_id, position, status, stopped_at_position, error from projection.checkpoints where name = $1",
            name
        )
        .fetch_optional(pool)
        .await
    }

    /// Makes the checkpoint of a new model, at 0.
    pub(crate) async fn create(
        connection: &mut PgConnection,
        name: &str,
        version: i32,
        status: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "insert into projection.checkpoints (name, version, log_id, position, status)
             select $1, $2, log_id, 0, $3 from log_head",
            name,
            version,
            status
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Says that the projection cannot apply an event.
    pub(crate) async fn stop(pool: &PgPool, name: &str, at: Option<i64>, error: &str) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "update projection.checkpoints set status = 'stopped', stopped_at_position = $2, error = $3, updated_at = now() where name = $1",
            name,
            at,
            error
        )
        .execute(pool)
        .await?;
        Ok(())
    }
}

/// Adds a statement that moves a checkpoint from one position to another. It returns no row when the checkpoint does not stand there, or
/// the lease is no longer held: whoever asks is not the only one who writes this model, and must not commit.
pub(crate) fn push_advance(query: &mut QueryBuilder<'_, Postgres>, name: &str, from: i64, to: i64, lease: &Lease) {
    query
        .push("update projection.checkpoints set position = ")
        .push_bind(to)
        .push(
            ", status = case status when 'stopped' then 'running' else status end,
             stopped_at_position = null, error = null, updated_at = now() where name = ",
        )
        .push_bind(name.to_owned())
        .push(" and position = ")
        .push_bind(from)
        .push(" and exists (select from leases where name = ")
        .push_bind(lease.name.clone())
        .push(" and token = ")
        .push_bind(lease.token)
        .push(" and expires_at > clock_timestamp()) returning 1");
}
