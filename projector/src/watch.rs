//! How all projections are doing, whoever keeps them: for readiness and metrics.

use std::time::Duration;

use event_store::deadline::within;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::registry;

/// How often the metrics are brought up to date.
const EVERY: Duration = Duration::from_secs(1);

/// A projection as the database knows it.
pub(crate) struct Watched {
    pub(crate) name: String,
    pub(crate) version: i32,
    pub(crate) stopped: bool,
    pub(crate) stopped_at_position: Option<i64>,
    pub(crate) error: Option<String>,
    lag_events: f64,
    lag_seconds: f64,
    head: f64,
}

impl Watched {
    /// This program makes another one.
    pub(crate) fn is_of_another_version(&self) -> bool {
        registry::find(&self.name).is_some_and(|projection| projection.version() != self.version)
    }
}

pub(crate) async fn projections(pool: &PgPool) -> Result<Vec<Watched>, sqlx::Error> {
    sqlx::query_as!(
        Watched,
        r#"select c.name, c.version, c.status = 'stopped' as "stopped!", c.stopped_at_position, c.error,
                  greatest(h.position - c.position, 0)::float8 as "lag_events!", h.position::float8 as "head!",
                  coalesce(extract(epoch from clock_timestamp() - e.recorded_at), 0)::float8 as "lag_seconds!"
           from projection.checkpoints c cross join public.log_head h left join public.events e on e.position = c.position + 1
           order by c.name"#
    )
    .fetch_all(pool)
    .await
}

/// Keeps the metrics up to date until `stop` is cancelled.
pub(crate) async fn observe(pool: PgPool, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let Ok(found) = within(EVERY * 2, projections(&pool)).await else { continue };
        for Watched { name, stopped, lag_events, lag_seconds, head, .. } in found {
            metrics::gauge!("annals_log_head_position").set(head);
            metrics::gauge!("annals_projection_lag_events", "projection" => name.clone()).set(lag_events);
            metrics::gauge!("annals_projection_lag_seconds", "projection" => name.clone()).set(lag_seconds);
            metrics::gauge!("annals_projection_stopped", "projection" => name).set(f64::from(u8::from(stopped)));
        }
    }
}

pub(crate) fn describe_metrics() {
    metrics::describe_gauge!("annals_log_head_position", "The last event of the log.");
    metrics::describe_gauge!("annals_projection_lag_events", "Events that a projection has not applied yet.");
    metrics::describe_gauge!(
        "annals_projection_lag_seconds",
        "Age of the oldest event that a projection has not applied yet."
    );
    metrics::describe_gauge!(
        "annals_projection_stopped",
        "1 where a projection has stopped and waits for an operator."
    );
}
