//! The whole system as real processes on free ports: Postgres, NATS, command-api, projectors, query-api.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Method, Response};
use serde_json::Value;
use sqlx::PgPool;

use crate::process::{Binary, Service};
use crate::{nats, postgres};

/// The API key that every service of a system takes.
pub const KEY: &str = "annals_end_to_end";

/// Everything that `./dev up` starts, private to one test and gone when it is dropped.
pub struct System {
    /// The log and the read models.
    pub postgres: postgres::Cluster,
    /// The stream.
    pub nats: nats::Server,
    /// Takes commands; more than one may run.
    pub commands: Vec<Service>,
    /// Keep read models; more than one may run.
    pub projectors: Vec<Service>,
    /// Answers queries.
    pub query: Service,
    client: Client,
    /// Holds the keys file until the services are gone.
    keys: tempfile::TempDir,
}

/// What an API answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The body, `null` when there was none.
    pub body: Value,
    /// The answer's `Idempotent-Replayed` header was there.
    pub replayed: bool,
}

impl System {
    /// Starts one of each and waits until all are ready.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(1, 1).await
    }

    /// Starts `commands` command APIs and `projectors` projectors on one log.
    pub async fn start_with(commands: usize, projectors: usize) -> anyhow::Result<Self> {
        let postgres = postgres::Cluster::start().await?;
        postgres.create_database("annals").await?;
        let nats = nats::Server::start().await?;
        let keys = keys_directory()?;
        let migrated = Binary::named("replay-tool")
            .env("ANNALS_DATABASE_URL", postgres.url("postgres", "annals"))
            .run(&["migrate"])
            .await?;
        if !migrated.status.success() {
            bail!("replay-tool migrate failed: {}", String::from_utf8_lossy(&migrated.stderr));
        }
        let service = |name: &str, role: &str, user: &str| {
            Binary::named(name)
                .env("ANNALS_DATABASE_URL", postgres.url(role, "annals"))
                .env("ANNALS_NATS_URL", nats.url(user))
                .env("ANNALS_KEYS_FILE", keys.path().join("keys.json").display().to_string())
        };
        let mut command_services = Vec::new();
        for _ in 0..commands {
            command_services.push(service("command-api", "annals_command", "relay").serve().await?);
        }
        let mut projector_services = Vec::new();
        for _ in 0..projectors {
            projector_services.push(service("projector", "annals_projector", "reader").serve().await?);
        }
        let query = service("query-api", "annals_query", "reader").serve().await?;
        let client = Client::builder().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { postgres, nats, commands: command_services, projectors: projector_services, query, client, keys })
    }
}

impl System {
    /// POSTs `body` to the first command API, under `key` if there is one. Fails when no answer came.
    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> anyhow::Result<Answer> {
        self.post_to(0, path, key, body).await
    }

    /// POSTs to the command API number `which`.
    pub async fn post_to(&self, which: usize, path: &str, key: Option<&str>, body: &Value) -> anyhow::Result<Answer> {
        let mut request = self.client.request(Method::POST, self.commands[which].url(path)).bearer_auth(KEY).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        answer(request.send().await?).await
    }

    /// GETs `path` from the query API. Fails when no answer came.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        answer(self.client.get(self.query.url(path)).bearer_auth(KEY).header("Prefer", "wait=5").send().await?).await
    }

    /// GETs `path`, waiting until its projection has reached `position` (tried again while the API says that it has not).
    pub async fn get_at_least(&self, path: &str, position: i64) -> anyhow::Result<Answer> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{joint}at_least={position}");
        for _ in 0..24 {
            match self.get(&path).await {
                Ok(found) if found.status != 503 => return Ok(found),
                _ => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
        bail!("{path}: the projection did not get there")
    }

    /// The file with the API keys.
    #[must_use]
    pub fn keys_file(&self) -> std::path::PathBuf {
        self.keys.path().join("keys.json")
    }

    /// Runs `replay-tool` on this system.
    pub async fn replay_tool(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Binary::named("replay-tool")
            .env("ANNALS_DATABASE_URL", self.postgres.url("annals_replay", "annals"))
            .env("ANNALS_NATS_URL", self.nats.url("relay"))
            .run(arguments)
            .await
    }

    /// Runs `annals-demo` on this system.
    pub async fn demo(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.demo_binary().run(arguments).await
    }

    /// `annals-demo`, knowing this system's addresses and key.
    #[must_use]
    pub fn demo_binary(&self) -> Binary {
        Binary::named("annals-demo")
            .env("ANNALS_COMMAND_URL", self.commands[0].url(""))
            .env("ANNALS_QUERY_URL", self.query.url(""))
            .env("ANNALS_API_KEY", KEY)
    }

    /// A pool that may read and write everything, for looking behind the APIs.
    pub async fn database(&self) -> anyhow::Result<PgPool> {
        sqlx::postgres::PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(Duration::from_secs(30))
            .connect(&self.postgres.url("postgres", "annals"))
            .await
            .context("could not reach the test's Postgres")
    }

    /// Waits until every projection has applied the whole log.
    pub async fn settled(&self) -> anyhow::Result<i64> {
        let pool = self.database().await?;
        for _ in 0..600 {
            let head: i64 = sqlx::query_scalar("select position from log_head").fetch_one(&pool).await?;
            let behind: i64 = sqlx::query_scalar("select count(*) from projection.checkpoints where position < $1")
                .bind(head)
                .fetch_one(&pool)
                .await?;
            if behind == 0 {
                return Ok(head);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the projections did not catch up within a minute")
    }

    /// What every read model holds: table, number of rows, and a digest of all rows in a fixed order.
    pub async fn read_models(&self) -> anyhow::Result<Vec<(String, i64, String)>> {
        let pool = self.database().await?;
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select schemaname::text, tablename::text from pg_tables
             where schemaname in (select name from projection.checkpoints) order by 1, 2",
        )
        .fetch_all(&pool)
        .await?;
        let mut models = Vec::new();
        for (schema, table) in tables {
            let statement = format!(
                r#"select count(*), coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') from "{schema}"."{table}" t"#
            );
            let (rows, digest): (i64, String) = sqlx::query_as(&statement).fetch_one(&pool).await?;
            models.push((format!("{schema}.{table}"), rows, digest));
        }
        Ok(models)
    }
}

async fn answer(response: Response) -> anyhow::Result<Answer> {
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("Idempotent-Replayed");
    let bytes = response.bytes().await?;
    Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), replayed })
}

/// A directory with a `keys.json` in which [`KEY`] may do everything.
///
/// # Errors
/// When it cannot be written.
pub fn keys_directory() -> anyhow::Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    let digest = crate::keys::digest(KEY);
    let keys = serde_json::json!([{ "name": "tester", "sha256": digest, "roles": ["admin"] }]);
    std::fs::write(directory.path().join("keys.json"), keys.to_string())?;
    Ok(directory)
}
