//! Databases to measure in.

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};

/// A database with an empty log; dropped by [`Log::remove`].
pub(crate) struct Log {
    pub(crate) pool: PgPool,
    pub(crate) url: PgConnectOptions,
    admin: PgConnectOptions,
    name: String,
}

impl Log {
    pub(crate) async fn make(url: &str) -> anyhow::Result<Self> {
        let admin: PgConnectOptions = url.parse().context("DATABASE_URL is not a Postgres address")?;
        let name = format!("bench_{}", uuid());
        PgConnection::connect_with(&admin).await?.execute(format!("create database {name}").as_str()).await?;
        let url = admin.clone().database(&name);
        let pool = PgPoolOptions::new().max_connections(70).connect_with(url.clone()).await?;
        event_store::MIGRATOR.run(&pool).await?;
        Ok(Self { pool, url, admin, name })
    }

    /// Fills the log with stock movements of a thousand items, as inserting them one batch after another would.
    pub(crate) async fn fill(&self, events: i64) -> anyhow::Result<()> {
        let step = 500_000;
        let mut at: i64 = sqlx::query_scalar("select position from log_head").fetch_one(&self.pool).await?;
        while at < events {
            let upto = (at + step).min(events);
            sqlx::query(
                r#"insert into events
                   select n, 'stock_item', 'online/' || (n % 1000), (n - 1) / 1000 + 1, gen_random_uuid(), 'inventory.received', '1.0',
                          ('{"received":{"quantity":' || (n % 7 + 1) || ',"document":"delivery-' || n || '","at":"2026-01-01T00:00:00Z"}}')::json,
                          '{"correlation_id":"01a1fcbe-7990-732c-8d04-4fa82b93dccb","actor":"bench","actor_kind":"api_key","command":"receive"}', now()
                   from generate_series($1::bigint + 1, $2) n"#,
            )
            .bind(at)
            .bind(upto)
            .execute(&self.pool)
            .await?;
            sqlx::query("update log_head set position = $1").bind(upto).execute(&self.pool).await?;
            at = upto;
            if events > step {
                println!("filled {at} of {events} events");
            }
        }
        self.pool.execute("vacuum analyze events").await?;
        Ok(())
    }

    /// As if each event had come under a key of its own.
    pub(crate) async fn remember_keys(&self) -> anyhow::Result<()> {
        self.pool
            .execute(
                "insert into idempotency_keys
                 select 'bench', event_id::text, '', aggregate_type, aggregate_id, sequence, position, recorded_at from events",
            )
            .await?;
        self.pool.execute("vacuum analyze idempotency_keys").await?;
        Ok(())
    }

    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        self.pool.close().await;
        PgConnection::connect_with(&self.admin)
            .await?
            .execute(format!("drop database {} with (force)", self.name).as_str())
            .await?;
        Ok(())
    }
}

/// Unique enough for a name.
#[expect(clippy::disallowed_methods, reason = "a benchmark is an edge")]
pub(crate) fn uuid() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
