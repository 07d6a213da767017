//! The system's own binaries as processes.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

/// A binary of the workspace, and the environment to run it in.
#[derive(Debug, Clone)]
pub struct Binary {
    name: String,
    environment: Vec<(String, String)>,
}

impl Binary {
    /// The binary of that name, from where the test's own binary was built.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), environment: Vec::new() }
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        self.command()?
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("could not run {}", self.name))
    }

    /// Starts it, and lets it run; it is killed when the child is dropped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        self.command()?
            .args(arguments)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not run {}", self.name))
    }

    /// Starts it as a service on a free port, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn serve(self) -> anyhow::Result<Service> {
        let service = Service {
            binary: self,
            port: crate::ports::free()?,
            inner: crate::ports::free()?,
            child: Mutex::new(None),
        };
        service.restart().await?;
        Ok(service)
    }

    fn command(&self) -> anyhow::Result<Command> {
        let path = directory()?.join(&self.name);
        if !path.exists() {
            bail!("{} is not built; `cargo build --workspace --bins` first", path.display());
        }
        let mut command = Command::new(path);
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        Ok(command)
    }
}

/// Where the workspace's binaries are: `target/debug`, seen from `target/debug/deps/<test>`.
fn directory() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let deps = test.parent().context("a test is in a directory")?;
    let directory = if deps.ends_with("deps") { deps.parent().context("deps is in a directory")? } else { deps };
    Ok(directory.to_owned())
}

/// A running service; killed when it is dropped.
pub struct Service {
    binary: Binary,
    port: u16,
    inner: u16,
    child: Mutex<Option<Child>>,
}

impl Service {
    /// The address of a path of it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The address of a path of its inner listener; a projector has none.
    #[must_use]
    pub fn inner_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.inner)
    }

    /// Its address and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills it (SIGKILL), as a crash would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&self) -> anyhow::Result<()> {
        let child = self.child.lock().ok().and_then(|mut child| child.take());
        if let Some(mut child) = child {
            child.kill().await.with_context(|| format!("could not kill {}", self.binary.name))?;
        }
        Ok(())
    }

    /// Asks it to stop (SIGTERM) and tells whether it ended well.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn stop(&self) -> anyhow::Result<bool> {
        let child = self.child.lock().ok().and_then(|mut child| child.take());
        let Some(mut child) = child else { return Ok(true) };
        let pid = child.id().context("it has ended already")?;
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.context("it does not stop")??;
        Ok(ended.success())
    }

    /// Sends it a signal, `HUP` for example.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self.child.lock().ok().and_then(|child| child.as_ref()?.id()).context("it does not run")?;
        let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().await?;
        anyhow::ensure!(sent.success(), "{} does not run", self.binary.name);
        Ok(())
    }

    /// Starts it again, on the same port.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.kill().await?;
        let child = self
            .binary
            .clone()
            .env("ANNALS_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("ANNALS_INNER_LISTEN", format!("127.0.0.1:{}", self.inner))
            .command()?
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("could not start {}", self.binary.name))?;
        if let Ok(mut place) = self.child.lock() {
            *place = Some(child);
        }
        for _ in 0..600 {
            if reqwest::get(self.url("/readyz")).await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{} did not become ready", self.binary.name)
    }

    /// A crash, and a start.
    ///
    /// # Errors
    /// See [`Self::restart`].
    pub async fn kill_and_restart(&self) -> anyhow::Result<()> {
        self.kill().await?;
        self.restart().await
    }
}
