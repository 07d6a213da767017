//! The relay as a part of this process.

use std::sync::Arc;

use event_store::{EventStore, Relay, RelaySettings, RelayStatus};
use futures::FutureExt as _;
use platform::clock;
use platform::server::Readiness;
use serde_json::json;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Config;

/// A relay that runs in this process.
pub struct Running {
    status: watch::Receiver<RelayStatus>,
    task: JoinHandle<()>,
}

impl Running {
    /// Waits until it has ended.
    pub async fn ended(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the relay did not end well");
        }
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<RelayStatus> {
        self.status.clone()
    }
}

/// Starts a relay if the settings name a NATS server, which need not be there yet.
///
/// # Errors
/// When the address of NATS is none.
pub async fn start(
    config: &Config,
    pool: PgPool,
    store: &EventStore,
    stop: CancellationToken,
) -> anyhow::Result<Option<Running>> {
    let Some(client) = config.nats.connect_when_there("command-api").await? else { return Ok(None) };
    let settings = RelaySettings { stream: config.nats.stream.clone(), ..RelaySettings::default() };
    let relay = Relay::new(pool, client, settings, store.appended());
    let status = relay.status();
    let holder = format!("command-api-{}", clock::new_id());
    Ok(Some(Running { status, task: tokio::spawn(relay.run(holder, stop)) }))
}

/// Ready: the log takes commands, and the relay has not stopped for good. A relay that is trying again is no reason to refuse commands:
/// they are safe in the log.
#[must_use]
pub fn readiness(store: EventStore, relay: Option<watch::Receiver<RelayStatus>>) -> Readiness {
    Arc::new(move || {
        let (store, status) = (store.clone(), relay.as_ref().map(|relay| relay.borrow().clone()));
        async move {
            let relay = match &status {
                None => json!("off"),
                Some(RelayStatus::Standby) => json!("standby"),
                Some(RelayStatus::Leading(position)) => json!({ "leading": position }),
                Some(RelayStatus::Retrying(reason)) => json!({ "retrying": reason }),
                Some(RelayStatus::Stopped(reason)) => json!({ "stopped": reason }),
            };
            let log = store.check().await;
            let ready = log.is_ok() && !matches!(status, Some(RelayStatus::Stopped(_)));
            let log =
                log.map_or_else(|error| json!({ "takes_nothing": error.to_string() }), |()| json!("takes commands"));
            let details = json!({ "ready": ready, "log": log, "relay": relay });
            if ready { Ok(details) } else { Err(details) }
        }
        .boxed()
    })
}
