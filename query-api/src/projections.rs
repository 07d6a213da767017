//! How the projections are doing.

use axum::extract::State;
use axum::response::Json;
use chrono::{DateTime, Utc};
use platform::Problem;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::read::failed;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(projections))
}

/// A projection.
#[derive(Serialize, ToSchema)]
struct Projection {
    name: String,
    version: i32,
    /// `running`, `rebuilding` or `stopped`.
    status: String,
    /// The last event that is in it.
    position: i64,
    /// The last event of the log.
    head: i64,
    /// Events that it has not applied yet.
    lag_events: i64,
    /// Age of the oldest of them, in seconds.
    lag_seconds: f64,
    /// The event that it could not apply, its type, since when, and why. It waits for an operator.
    stopped_at_position: Option<i64>,
    stopped_event_type: Option<String>,
    stopped_since: Option<DateTime<Utc>>,
    error: Option<String>,
    /// Events that an operator left out.
    skipped: i64,
}

/// How far each projection has got, and which have stopped.
#[utoipa::path(get, path = "/v1/projections", tag = "operations", responses((status = 200, body = Vec<Projection>)))]
async fn projections(State(app): State<App>) -> Result<Json<Vec<Projection>>, Problem> {
    let projections = sqlx::query_as!(
        Projection,
        r#"select c.name, c.version, c.status, c.position, h.position as head, h.position - c.position as "lag_events!",
                  coalesce(extract(epoch from clock_timestamp() - e.recorded_at), 0)::float8 as "lag_seconds!",
                  c.stopped_at_position, c.stopped_event_type, c.stopped_since, c.error,
                  (select count(*) from projection.skipped s where s.name = c.name) as "skipped!"
           from projection.checkpoints c cross join log_head h left join events e on e.position = c.position + 1
           order by c.name"#
    )
    .fetch_all(&app.pool)
    .await
    .map_err(failed)?;
    Ok(Json(projections))
}
