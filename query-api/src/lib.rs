//! GET: what the read models know.

mod catalog;
pub mod config;
mod description;
mod inventory;
pub mod progress;
mod projections;
mod read;
mod reporting;
mod sales;

use std::time::Duration;

use axum::Router;
use platform::access::Gate;
use platform::identity::Authenticate;
use platform::server::{Readiness, Surroundings, assemble};
use serde_json::{Value, json};
use sqlx::PgPool;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

pub use config::Config;
pub use progress::Progress;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The read models.
    pub pool: PgPool,
    /// How far each projection has got.
    pub progress: Progress,
}

/// What the router is put together from, besides the app.
pub struct Parts {
    /// Recognises who is asking.
    pub authenticate: Box<dyn Authenticate>,
    /// Which contexts' routes there are; empty for all.
    pub contexts: Vec<String>,
    /// Whether the service can do its work.
    pub ready: Readiness,
    /// How long a request may take.
    pub request_timeout: Duration,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Annals queries",
        description = "What the read models know. Each answer says in `Log-Position` up to which event of the log it is true. \
                   Pass a command's position as `at_least`, with `Prefer: wait=5`, to read what it led to."
    ),
    components(schemas(domain::values::Key, domain::values::Name, domain::values::Currency))
)]
struct Description;

type Routes = fn() -> OpenApiRouter<App>;

/// Every context, by name: one line each.
const CONTEXTS: &[(&str, Routes)] = &[
    ("catalog", catalog::routes),
    ("inventory", inventory::routes),
    ("sales", sales::routes),
    ("reporting", reporting::routes),
];

/// The whole API.
pub fn router(app: App, parts: Parts) -> Router {
    let mut contexts = OpenApiRouter::with_openapi(Description::openapi()).merge(projections::routes());
    for (name, routes) in CONTEXTS {
        if parts.contexts.is_empty() || parts.contexts.iter().any(|wanted| wanted == name) {
            contexts = contexts.merge(routes());
        }
    }
    let (routes, openapi) = contexts.split_for_parts();
    let around = Surroundings {
        gate: Gate::new(domain::ACCESS, parts.authenticate),
        openapi: description::common().complete(&openapi),
        ready: parts.ready,
        max_body_bytes: 0,
        request_timeout: parts.request_timeout,
    };
    assemble(routes.with_state(app), around)
}

/// Ready: the database answers. Projections that lag or have stopped are told, but what they know can still be read.
///
/// # Errors
/// The details, when it does not answer.
pub async fn ready(pool: PgPool) -> Result<Value, Value> {
    let projections =
        sqlx::query!("select name, status, position from projection.checkpoints order by name").fetch_all(&pool).await;
    match projections {
        Ok(rows) => {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|row| json!({ "name": row.name, "status": row.status, "position": row.position }))
                .collect();
            Ok(json!({ "ready": true, "projections": rows }))
        }
        Err(_) => Err(json!({ "ready": false, "database": "unreachable" })),
    }
}
