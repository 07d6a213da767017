//! A Postgres cluster of one's own, with everything durable switched on.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use tempfile::TempDir;
use tokio::process::Command;

/// A connection that gives no sign of life for so long is dead.
const PING: Duration = Duration::from_millis(200);

/// Connections to the same database as a process of its own would have them. Those that `sqlx::test` gives are few, as many tests share them.
#[must_use]
pub fn connections_of_a_process(pool: &PgPool) -> PgPool {
    PgPoolOptions::new().max_connections(16).connect_lazy_with((*pool.connect_options()).clone())
}

/// Connections as a service has them: sessions that end when their client has gone, and none is given out that is dead.
#[must_use]
pub fn connections_of_a_service(options: PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move { Ok(tokio::time::timeout(PING, connection.ping()).await.is_ok_and(|it| it.is_ok())) })
        })
        .connect_lazy_with(options.options([("client_connection_check_interval", "50ms")]))
}

/// A private cluster on a port of its own; stopped and removed when it is dropped.
pub struct Cluster {
    port: u16,
    directory: TempDir,
    bin: PathBuf,
}

impl Cluster {
    /// Makes and starts one.
    ///
    /// # Errors
    /// When Postgres is not installed, or does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let cluster = Self { port: crate::ports::free()?, directory: tempfile::tempdir()?, bin: bin()? };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.directory.path())).await?;
        }
        run(cluster.command("initdb").args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]))
            .await?;
        cluster.restart().await?;
        Ok(cluster)
    }

    /// Where clients find a database, in a role.
    #[must_use]
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a database.
    ///
    /// # Errors
    /// When Postgres refuses.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres", "postgres")).await?;
        connection.execute(format!(r#"create database "{name}""#).as_str()).await?;
        Ok(())
    }

    /// Kills the server and all its backends (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&self) -> anyhow::Result<()> {
        let pid_file = self.data().join("postmaster.pid");
        let Ok(text) = std::fs::read_to_string(&pid_file) else { return Ok(()) };
        let pid = text.lines().next().unwrap_or_default().to_owned();
        // The backends are the postmaster's children; without them it is really dead.
        let children = Command::new("pgrep").args(["-P", &pid]).output().await?;
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        let pids = std::iter::once(pid.as_str()).chain(children.lines());
        let _ = Command::new("kill").arg("-KILL").args(pids).stderr(Stdio::null()).status().await?;
        for _ in 0..100 {
            if !Path::new(&format!("/proc/{pid}")).exists() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Sends a signal to one of the server's processes: `STOP` freezes a backend, `CONT` lets it go on.
    ///
    /// # Errors
    /// When there is none with this id.
    pub async fn signal(&self, signal: &str, backend: i32) -> anyhow::Result<()> {
        run(Command::new("kill").arg(format!("-{signal}")).arg(backend.to_string())).await
    }

    /// Starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 -c fsync=on -c log_min_messages=fatal",
            self.port
        );
        let mut last = String::new();
        for _ in 0..20 {
            // Shared memory of a killed server may be in use for a moment.
            match run(self
                .command("pg_ctl")
                .args(["-w", "-t", "30", "-s", "-l"])
                .arg(self.data().join("log"))
                .args(["-o", &options, "start"]))
            .await
            {
                Ok(()) => return Ok(()),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        bail!("Postgres did not start: {last}")
    }

    /// A crash, and a start.
    ///
    /// # Errors
    /// See [`Self::restart`].
    pub async fn kill_and_restart(&self) -> anyhow::Result<()> {
        self.kill().await?;
        self.restart().await
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A program of Postgres, on this cluster's data. Postgres refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .current_dir("/")
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl").into_std();
        let _ = command.args(["-m", "immediate", "-s", "stop"]).stderr(Stdio::null()).status();
    }
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    // A server that is started keeps the pipe: its output must not be waited for, only that of the command itself.
    let status = command.stderr(Stdio::null()).status().await.with_context(|| format!("could not run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn bin() -> anyhow::Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the harness looks where a shell would")]
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    places
        .into_iter()
        .find(|place| place.join("initdb").exists())
        .context("Postgres is not installed: there is no initdb")
}
