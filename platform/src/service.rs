//! What every service does around its own work: settings, telemetry, signals, and how it ends.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Identity;
use crate::identity::KeysFile;
use crate::telemetry::{self, PrometheusHandle};

/// What a service is given.
pub struct Service<C> {
    /// Its settings.
    pub config: C,
    /// Renders its metrics.
    pub metrics: PrometheusHandle,
    /// Cancelled at SIGTERM or SIGINT.
    pub stop: CancellationToken,
}

/// Runs a service from its settings to its end, and tells why it ended.
pub async fn run<C: Parser>(work: impl AsyncFnOnce(Service<C>) -> anyhow::Result<()>) -> ExitCode {
    let config = C::parse();
    let ended = async {
        let metrics = telemetry::start()?;
        let stop = stop_signal().context("signals cannot be listened to")?;
        work(Service { config, metrics, stop }).await
    };
    match ended.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Cancelled at SIGTERM or SIGINT.
fn stop_signal() -> anyhow::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("stopping");
        token.cancel();
    });
    Ok(stop)
}

/// Does something at each SIGHUP, which would end a process that does not listen to it.
fn at_each_hangup(act: impl Fn() + Send + 'static) -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be listened to")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            act();
        }
    });
    Ok(())
}

/// The API keys, read anew at each SIGHUP: a key that is no longer in the file opens nothing from then on.
///
/// # Errors
/// When the file is not as it must be now; later, the keys stay as they are, loudly.
pub fn keys(settings: &Identity, roles: &'static [&'static str]) -> anyhow::Result<Arc<KeysFile>> {
    let keys = Arc::new(KeysFile::read(&settings.keys_file, roles)?);
    let reloaded = Arc::clone(&keys);
    at_each_hangup(move || reloaded.reload())?;
    Ok(keys)
}

/// SIGHUP, for a service that has no keys: nothing is read anew, and nothing ends.
///
/// # Errors
/// When it cannot be listened to.
pub fn survive_hangups() -> anyhow::Result<()> {
    at_each_hangup(|| tracing::info!("SIGHUP: there are no keys to read anew"))
}
