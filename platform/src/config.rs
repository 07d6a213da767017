//! Settings that several binaries have. Each is a flag and an environment variable; `--help` lists them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions, ServerAddr};
use clap::Args;
use clap::builder::TypedValueParser as _;

/// A limit below one would let nothing through.
fn at_least_one() -> impl clap::builder::TypedValueParser<Value = usize> {
    clap::value_parser!(u32).range(1..).map(|limit| limit as usize)
}

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
    #[arg(long, env = "ANNALS_DATABASE_TIMEOUT", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub database_timeout: u64,
    /// Seconds to wait for the answer to one statement. Then its connection is closed and another one is used.
    #[arg(long, env = "ANNALS_STATEMENT_TIMEOUT", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub statement_timeout: u64,
}

impl Database {
    /// How long the answer to one statement is waited for.
    #[must_use]
    pub fn answer_within(&self) -> Duration {
        Duration::from_secs(self.statement_timeout)
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
            (Some(user), Some(password)) => options
                .user_and_password(user.to_owned(), password.to_owned())
                // Answers come where nobody else may listen.
                .custom_inbox_prefix(format!("_INBOX_{user}")),
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
    /// Connections open at once at most; more wait until one ends. Each takes a file descriptor (`ulimit -n`).
    #[arg(long, env = "ANNALS_MAX_CONNECTIONS", default_value_t = 900, value_parser = at_least_one())]
    pub max_connections: usize,
    /// Seconds after which a connection without an open request is closed: unused, or with a request whose head does not come to its end.
    #[arg(long, env = "ANNALS_IDLE_TIMEOUT", default_value_t = 60)]
    pub idle_timeout: u64,
    /// Seconds without a byte after which a request that is not wholly sent, or an answer that is not taken, is given up.
    #[arg(long, env = "ANNALS_STALL_TIMEOUT", default_value_t = 30)]
    pub stall_timeout: u64,
    /// Seconds that requests have to end after the signal to stop.
    #[arg(long, env = "ANNALS_DRAIN_TIMEOUT", default_value_t = 20)]
    pub drain_timeout: u64,
}

/// Where those who watch a service look, apart from its clients.
#[derive(Debug, Clone, Args)]
pub struct Inner {
    /// Address and port of `/metrics` and of `/readyz` with details, which are for nobody outside; without it there are none.
    #[arg(long, env = "ANNALS_INNER_LISTEN")]
    pub inner_listen: Option<SocketAddr>,
}

/// Who may use a service.
#[derive(Debug, Clone, Args)]
pub struct Identity {
    /// A JSON file: `[{"name": "till-1", "sha256": "<hex digest of the key>", "roles": ["clerk"]}]`. Holds no key.
    #[arg(long, env = "ANNALS_KEYS_FILE")]
    pub keys_file: PathBuf,
}
