//! The projector as a process: one worker for each projection, and a small listener for whoever watches it.

use std::sync::Arc;
use std::time::Duration;

use event_store::deadline::within;
use event_store::{FeedSource, SharedFeed, Upcasters};
use futures::FutureExt as _;
use platform::server::Readiness;
use serde_json::json;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Config, registry, watch};

/// How long an answer of the database is waited for.
const ANSWER: Duration = Duration::from_secs(2);

/// What the feed uses all the time, beside one connection for each worker.
pub const CONNECTIONS_FOR_FEED: u32 = 2;

/// Starts a worker for each projection that the settings name.
pub fn start_workers(config: &Config, source: FeedSource, stop: &CancellationToken) -> JoinSet<()> {
    let settings = config.worker();
    let mut workers = JoinSet::new();
    workers.spawn(watch::observe(source.pool.clone(), stop.clone()));
    let feed = SharedFeed::new(source);
    for projection in registry::PROJECTIONS {
        if config.contexts.is_empty() || config.contexts.iter().any(|wanted| wanted == projection.name()) {
            workers.spawn(projection.work(feed.clone(), settings.clone(), stop.clone()));
        }
    }
    workers
}

/// Where the workers find their events. NATS may come and go; it need not be there yet.
///
/// # Errors
/// When the address of NATS is none.
pub async fn source(config: &Config, pool: PgPool) -> anyhow::Result<FeedSource> {
    let nats = config.nats.connect_when_there("projector").await?;
    Ok(FeedSource { pool, nats, stream: config.nats.stream.clone(), upcasters: Upcasters::new(domain::upcasters()) })
}

/// Ready: the database answers, no projection has stopped, and this program can keep each of them.
#[must_use]
pub fn readiness(pool: PgPool) -> Readiness {
    Arc::new(move || {
        let pool = pool.clone();
        async move {
            let Ok(found) = within(ANSWER, watch::projections(&pool)).await else {
                return Err(json!({ "ready": false, "database": "gives no answer" }));
            };
            let stopped: Vec<_> = found.iter().filter(|one| one.stopped).collect();
            let other_version: Vec<_> =
                found.iter().filter(|one| one.is_of_another_version()).map(|one| &one.name).collect();
            if stopped.is_empty() && other_version.is_empty() {
                return Ok(json!({ "ready": true }));
            }
            let stopped: Vec<_> = stopped
                .into_iter()
                .map(|one| json!({ "name": one.name, "position": one.stopped_at_position, "reason": one.error }))
                .collect();
            Err(json!({ "ready": false, "stopped": stopped, "of_another_version": other_version }))
        }
        .boxed()
    })
}

/// Registers what the projector's metrics mean.
pub fn describe_metrics() {
    metrics::describe_counter!("annals_projection_events_total", "Events that a projection has gone through.");
    metrics::describe_counter!("annals_projection_rows_written_total", "Rows that a projection has written.");
    metrics::describe_gauge!("annals_projection_position", "The last event that is in a projection's rows.");
    metrics::describe_gauge!(
        "annals_projection_leading",
        "1 where this process keeps the projection, 0 where it stands by."
    );
    metrics::describe_gauge!(
        "annals_projection_refused",
        "1 where this process cannot keep the projection, because its model is of another version."
    );
    watch::describe_metrics();
}
