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

/// Puts `next` in the place of `live`, in one transaction: readers see the one or the other, and whole. What was live is kept under a name
/// of its own, until [`drop_leftovers`].
///
/// # Errors
/// When the database refuses.
pub(crate) async fn swap(
    connection: &mut PgConnection,
    live: &str,
    next: &str,
    position: i64,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let exists = sqlx::query_scalar!(
        r#"select exists (select from pg_catalog.pg_namespace where nspname = $1) as "exists!""#,
        live
    );
    if exists.fetch_one(&mut *transaction).await? {
        let old = sqlx::query_scalar!(
            r#"select $1::text || '__old_' || $2::bigint || '_' || count(*) as "old!"
               from pg_catalog.pg_namespace where starts_with(nspname, $1::text || '__old_')"#,
            live,
            position
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.execute(format!(r#"alter schema "{live}" rename to "{old}""#).as_str()).await?;
    }
    transaction.execute(format!(r#"alter schema "{next}" rename to "{live}""#).as_str()).await?;
    sqlx::query!("delete from projection.checkpoints where name = $1", live).execute(&mut *transaction).await?;
    sqlx::query!(
        "update projection.checkpoints set name = $1, status = 'running', updated_at = clock_timestamp() where name = $2",
        live,
        next
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// What rebuilds have left behind of a projection: models that were live, and could not be dropped while somebody read them.
///
/// # Errors
/// When the database cannot be asked.
pub async fn leftovers(pool: &PgPool, name: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select nspname::text as "name!" from pg_catalog.pg_namespace
           where starts_with(nspname, $1::text || '__old') order by nspname"#,
        name
    )
    .fetch_all(pool)
    .await
}

/// Drops what can be dropped of them; the rest is left to the next rebuild.
pub(crate) async fn drop_leftovers(pool: &PgPool, name: &str) {
    for old in leftovers(pool, name).await.unwrap_or_default() {
        if let Err(error) = drop(pool, &old).await {
            tracing::warn!(schema = old, %error, "what was live is still being read, and stays until the next rebuild");
        }
    }
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
