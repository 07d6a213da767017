//! Connections to Postgres that a service can rely on: none that is dead, leads to a server that takes no writes, or forgets what it said.

use std::time::Duration;

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::config::Database;

/// A connection that has been idle for longer is tried before it is used again.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// One that gives no sign of life for so long is dead.
const ALIVE_WITHIN: Duration = Duration::from_secs(1);

/// How often a session looks whether its client is still there while it works, or waits for a lock.
const CLIENT_CHECKED_EVERY: &str = "1s";

/// Where names are looked up: never in a schema called like the role, which another role could make, and last among temporary tables.
const NAMES_FROM: &str = "public,pg_temp";

/// What a service does with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It reads: a standby will do.
    Reading,
    /// It writes what can be made again.
    Deriving,
    /// It writes the log: what is committed there must be on the disk, and on the standby if there is one.
    Recording,
}

impl Database {
    /// Connects, so that a wrong address is told at once.
    ///
    /// # Errors
    /// When the address is none, nobody answers there, or what answers does not serve the purpose.
    pub async fn connect(&self, service: &str, purpose: Purpose) -> anyhow::Result<PgPool> {
        self.connect_with(service, purpose, 0, |options| options).await
    }

    /// Connects with further options. `kept` connections are in use all the time, and come on top.
    ///
    /// # Errors
    /// See [`Self::connect`].
    pub async fn connect_with(
        &self,
        service: &str,
        purpose: Purpose,
        kept: u32,
        further: impl FnOnce(PgConnectOptions) -> PgConnectOptions,
    ) -> anyhow::Result<PgPool> {
        let options: PgConnectOptions =
            self.database_url.parse().context("ANNALS_DATABASE_URL is not a Postgres address")?;
        // What was given up must not go on waiting for a lock: the tries would pile up behind it.
        let options = options
            .application_name(service)
            .options([("client_connection_check_interval", CLIENT_CHECKED_EVERY), ("search_path", NAMES_FROM)]);
        let pool = PgPoolOptions::new()
            .max_connections(self.database_connections + kept)
            // A round trip for each query would be too much; what was used a moment ago is taken to be alive.
            .test_before_acquire(false)
            .before_acquire(move |connection, use_so_far| {
                Box::pin(async move {
                    if use_so_far.idle_for >= TRUSTED_FOR {
                        alive(connection, purpose).await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| Box::pin(fit(connection, purpose)))
            .acquire_timeout(Duration::from_secs(self.database_timeout))
            .connect_with(further(options));
        pool.await.with_context(|| match purpose {
            Purpose::Reading => "could not reach the database at ANNALS_DATABASE_URL",
            Purpose::Deriving | Purpose::Recording => {
                "could not reach a database at ANNALS_DATABASE_URL that takes writes"
            }
        })
    }
}

/// # Errors
/// When the connection is of no use any more; then it is closed without a farewell, which could take as long.
async fn alive(connection: &mut PgConnection, purpose: Purpose) -> Result<(), sqlx::Error> {
    let alive = async {
        match purpose {
            Purpose::Reading => connection.ping().await,
            Purpose::Deriving | Purpose::Recording => takes_writes(connection).await,
        }
    };
    tokio::time::timeout(ALIVE_WITHIN, alive).await.map_err(|_| {
        let silent = "the connection gives no sign of life";
        sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, silent))
    })?
}

/// Makes a new connection fit for the purpose.
async fn fit(connection: &mut PgConnection, purpose: Purpose) -> Result<(), sqlx::Error> {
    if purpose != Purpose::Reading {
        takes_writes(connection).await?;
    }
    if purpose == Purpose::Recording {
        // Whatever the server, the database or the role say: a commit that is answered is not lost. Stronger settings stay.
        sqlx::query(
            "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local')",
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// # Errors
/// When it does not: another server has taken over from it, or it was told to take none.
async fn takes_writes(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let read_only: String = sqlx::query_scalar("show transaction_read_only").fetch_one(connection).await?;
    if read_only == "off" {
        return Ok(());
    }
    let elsewhere = "the server takes no writes: it is a standby, or default_transaction_read_only is on";
    Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ReadOnlyFilesystem, elsewhere)))
}
