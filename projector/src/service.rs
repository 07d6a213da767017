//! The projector as a process: one worker for each projection, and a small listener for whoever watches it.

use std::sync::Arc;

use event_store::{FeedSource, SharedFeed, Upcasters};
use futures::FutureExt as _;
use platform::server::Readiness;
use serde_json::json;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Config, registry};

/// What the feed uses all the time, beside one connection for each worker.
pub const CONNECTIONS_FOR_FEED: u32 = 2;

/// Starts a worker for each projection that the settings name.
pub fn start_workers(config: &Config, source: FeedSource, stop: &CancellationToken) -> JoinSet<()> {
    let settings = config.worker();
    let feed = SharedFeed::new(source);
    let mut workers = JoinSet::new();
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

/// Ready: the database answers, and no projection has stopped.
#[must_use]
pub fn readiness(pool: PgPool) -> Readiness {
    Arc::new(move || {
        let pool = pool.clone();
        async move {
            let stopped = sqlx::query!("select name, error from projection.checkpoints where status = 'stopped'")
                .fetch_all(&pool)
                .await;
            match stopped {
                Ok(stopped) if stopped.is_empty() => Ok(json!({ "ready": true })),
                Ok(stopped) => {
                    let stopped: Vec<_> =
                        stopped.into_iter().map(|row| json!({ "name": row.name, "error": row.error })).collect();
                    Err(json!({ "ready": false, "stopped": stopped }))
                }
                Err(_) => Err(json!({ "ready": false, "database": "unreachable" })),
            }
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
}
