//! The schemas that read models live in.

use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};

use crate::checkpoint::Checkpoint;

/// Makes a projection's schema with its tables, and its checkpoint at 0, in one transaction.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn create(
    pool: &PgPool,
    schema: &str,
    tables: &str,
    version: i32,
    status: &str,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Whoever makes it, the projector owns it.
    transaction.execute("set local role annals_projector").await?;
    transaction.execute(format!(r#"create schema "{schema}""#).as_str()).await?;
    transaction.execute(format!(r#"set local search_path to "{schema}""#).as_str()).await?;
    transaction.execute(tables).await?;
    transaction.execute("set local search_path to public").await?;
    Checkpoint::create(&mut transaction, schema, version, status).await?;
    transaction.commit().await
}

/// Puts `next` in the place of `live`, in one transaction: readers see the one or the other, and whole. What was live is kept as `old`.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn swap(connection: &mut PgConnection, live: &str, next: &str, old: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let exists =
        sqlx::query_scalar!(r#"select exists (select from pg_namespace where nspname = $1) as "exists!""#, live);
    if exists.fetch_one(&mut *transaction).await? {
        transaction.execute(format!(r#"alter schema "{live}" rename to "{old}""#).as_str()).await?;
    }
    transaction.execute(format!(r#"alter schema "{next}" rename to "{live}""#).as_str()).await?;
    sqlx::query!("delete from projection.checkpoints where name = $1", live).execute(&mut *transaction).await?;
    sqlx::query!(
        "update projection.checkpoints set name = $1, status = 'running', updated_at = now() where name = $2",
        live,
        next
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// Drops a schema that nobody uses any more; waits no longer than a moment for whoever still reads it.
///
/// # Errors
/// When the database refuses, or somebody reads it for longer.
pub(crate) async fn drop(pool: &PgPool, schema: &str) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    transaction.execute("set local lock_timeout = '2s'").await?;
    transaction.execute(format!(r#"drop schema if exists "{schema}" cascade"#).as_str()).await?;
    sqlx::query!("delete from projection.checkpoints where name = $1", schema).execute(&mut *transaction).await?;
    transaction.commit().await
}
