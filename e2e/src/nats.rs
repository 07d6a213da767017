//! A nats-server of one's own.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Of both users. One that would be a number, were it not in quotes.
const PASSWORD: &str = "02e2";

/// A nats-server as it is deployed, with its users, on a port and a store of its own; gone when it is dropped.
pub struct Server {
    port: u16,
    directory: TempDir,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one. The binary is `ANNALS_NATS_SERVER`, or else `nats-server` on the path.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start() -> anyhow::Result<Self> {
        let server = Self { port: crate::ports::free()?, directory: tempfile::tempdir()?, child: Mutex::new(None) };
        server.restart().await?;
        Ok(server)
    }

    /// Where clients find it, as the user `relay` or `reader`.
    #[must_use]
    pub fn url(&self, user: &str) -> String {
        format!("nats://{user}:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// A connection as the user `relay` or `reader`.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn client(&self, user: &str) -> anyhow::Result<async_nats::Client> {
        let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), PASSWORD.to_owned())
            .custom_inbox_prefix(format!("_INBOX_{user}"));
        options.connect(format!("127.0.0.1:{}", self.port)).await.context("could not reach the test's NATS")
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&self) -> anyhow::Result<()> {
        let child = self.child.lock().ok().and_then(|mut child| child.take());
        if let Some(mut child) = child {
            child.kill().await.context("could not kill nats-server")?;
        }
        Ok(())
    }

    /// Sends it a signal: `STOP` freezes it, `CONT` lets it go on.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let id =
            self.child.lock().ok().and_then(|child| child.as_ref().and_then(Child::id)).context("it does not run")?;
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(id.to_string()).status().await?;
        if sent.success() { Ok(()) } else { bail!("could not send {signal} to nats-server") }
    }

    /// Starts it again, on the same port, with what is in its store.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.kill().await?;
        let child = Command::new(binary())
            .args(["-c", concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nats.conf")])
            .env("NATS_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("NATS_STORE", self.store())
            .env("NATS_RELAY_PASSWORD", format!("\"{PASSWORD}\""))
            .env("NATS_READER_PASSWORD", format!("\"{PASSWORD}\""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("could not start nats-server; is ANNALS_NATS_SERVER set?")?;
        if let Ok(mut place) = self.child.lock() {
            *place = Some(child);
        }
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("nats-server did not listen on {}", self.port)
    }

    /// A crash, and a start on the same store.
    ///
    /// # Errors
    /// See [`Self::restart`].
    pub async fn kill_and_restart(&self) -> anyhow::Result<()> {
        self.kill().await?;
        self.restart().await
    }

    /// A crash that takes the store with it, and a start on an empty one.
    ///
    /// # Errors
    /// See [`Self::restart`].
    pub async fn wipe_and_restart(&self) -> anyhow::Result<()> {
        self.kill().await?;
        std::fs::remove_dir_all(self.store())?;
        self.restart().await
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }
}

#[expect(clippy::disallowed_methods, reason = "the harness has no configuration but this")]
fn binary() -> String {
    std::env::var("ANNALS_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned())
}
