//! Settings that several binaries have. Each is a flag and an environment variable; `--help` lists them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions, ServerAddr};
use clap::Args;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool};

/// A connection that has been idle for longer is tried before it is used again.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How to reach the database.
#[derive(Debug, Clone, Args)]
pub struct Database {
    /// Postgres, with the role of this service: `postgres://annals_command@localhost/annals`.
    #[arg(long, env = "ANNALS_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Connections at most, beside those that are in use all the time: an appender's, a relay's, one for each projection.
    #[arg(long, env = "ANNALS_DATABASE_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..))]
    pub database_connections: u32,
    /// Seconds to wait for a connection before saying that the database cannot be reached.
    #[arg(long, env = "ANNALS_DATABASE_TIMEOUT", default_value_t = 5)]
    pub database_timeout: u64,
}

impl Database {
    /// Connects, so that a wrong address is told at once.
    ///
    /// # Errors
    /// When the address is none, or nobody answers there.
    pub async fn connect(&self, service: &str) -> anyhow::Result<PgPool> {
        self.connect_with(service, 0, |options| options).await
    }

    /// Connects with further options. `kept` connections are in use all the time, and come on top.
    ///
    /// # Errors
    /// When the address is none, or nobody answers there.
    pub async fn connect_with(
        &self,
        service: &str,
        kept: u32,
        further: impl FnOnce(PgConnectOptions) -> PgConnectOptions,
    ) -> anyhow::Result<PgPool> {
        let options: PgConnectOptions =
            self.database_url.parse().context("ANNALS_DATABASE_URL is not a Postgres address")?;
        PgPoolOptions::new()
            .max_connections(self.database_connections + kept)
            // A round trip for each query would be too much; what was used a moment ago is taken to be alive.
            .test_before_acquire(false)
            .before_acquire(|connection, use_so_far| {
                Box::pin(async move { Ok(use_so_far.idle_for < TRUSTED_FOR || connection.ping().await.is_ok()) })
            })
            .acquire_timeout(Duration::from_secs(self.database_timeout))
            .connect_with(further(options.application_name(service)))
            .await
            .context("could not reach the database at ANNALS_DATABASE_URL")
    }
}

/// How to reach NATS, and the stream there.
#[derive(Debug, Clone, Args)]
pub struct Nats {
    /// NATS, with the user for this service: `nats://relay:PASSWORD@localhost:4222`. Without it there is only Postgres: a command API
    /// does not relay, a projector reads the log itself.
    #[arg(long, env = "ANNALS_NATS_URL", hide_env_values = true)]
    pub nats_url: Option<String>,
    /// The JetStream stream that holds the log's events.
    #[arg(long, env = "ANNALS_STREAM", default_value = "ANNALS")]
    pub stream: String,
}

impl Nats {
    /// A connection that comes back whenever NATS does; it need not be there yet.
    ///
    /// # Errors
    /// When the address is none.
    pub async fn connect_when_there(&self, service: &str) -> anyhow::Result<Option<Client>> {
        self.connect_with(service, ConnectOptions::retry_on_initial_connect).await
    }

    /// A connection that is there.
    ///
    /// # Errors
    /// When the address is none, or nobody answers there.
    pub async fn connect(&self, service: &str) -> anyhow::Result<Option<Client>> {
        self.connect_with(service, |options| options).await
    }

    async fn connect_with(
        &self,
        service: &str,
        further: impl FnOnce(ConnectOptions) -> ConnectOptions,
    ) -> anyhow::Result<Option<Client>> {
        let Some(url) = &self.nats_url else { return Ok(None) };
        let address: ServerAddr = url.parse().context("ANNALS_NATS_URL is not an address of NATS")?;
        let options = ConnectOptions::new().name(service);
        // The client does not take the user from the address by itself.
        let options = match (address.username(), address.password()) {
            (Some(user), Some(password)) => options.user_and_password(user.to_owned(), password.to_owned()),
            _ => options,
        };
        further(options).connect(address).await.context("could not reach NATS at ANNALS_NATS_URL").map(Some)
    }
}

/// Where and how a service listens.
#[derive(Debug, Clone, Args)]
pub struct Listen {
    /// Address and port.
    #[arg(long, env = "ANNALS_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Bytes of a request body at most. Lines of a bulk request are counted one by one.
    #[arg(long, env = "ANNALS_MAX_BODY_BYTES", default_value_t = 1024 * 1024)]
    pub max_body_bytes: usize,
    /// Seconds after which a request that is not a stream is given up.
    #[arg(long, env = "ANNALS_REQUEST_TIMEOUT", default_value_t = 15)]
    pub request_timeout: u64,
    /// Seconds that requests have to end after the signal to stop.
    #[arg(long, env = "ANNALS_DRAIN_TIMEOUT", default_value_t = 20)]
    pub drain_timeout: u64,
}

/// Who may use a service.
#[derive(Debug, Clone, Args)]
pub struct Identity {
    /// A JSON file: `[{"name": "till-1", "sha256": "<hex digest of the key>", "roles": ["clerk"]}]`. Holds no key.
    #[arg(long, env = "ANNALS_KEYS_FILE")]
    pub keys_file: PathBuf,
}
