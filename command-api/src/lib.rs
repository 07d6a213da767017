//! POST: authenticate, decide, append.

mod answer;
pub mod bulk;
mod catalog;
mod command;
pub mod config;
mod description;
pub mod expiry;
mod inventory;
pub mod keys;
mod posted;
pub mod relay;
mod sales;
pub mod stores;

use std::time::Duration;

use axum::Router;
use chrono::TimeDelta;
use event_store::EventStore;
use platform::access::Gate;
use platform::identity::Authenticate;
use platform::server::{Readiness, Surroundings, assemble, guarded};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

pub use config::Config;
use stores::Stores;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    /// The write side of the log.
    pub store: EventStore,
    /// For how long units may be reserved at most.
    pub longest_hold: TimeDelta,
    /// Which stores sell.
    pub stores: Stores,
}

/// What the router is put together from, besides the app.
pub struct Parts {
    /// Recognises who is asking.
    pub authenticate: Box<dyn Authenticate>,
    /// Which contexts' routes there are; empty for all.
    pub contexts: Vec<String>,
    /// Whether the service can do its work.
    pub ready: Readiness,
    /// Bytes of one command at most.
    pub max_body_bytes: usize,
    /// How long one command may take.
    pub request_timeout: Duration,
    /// What bulk requests may take.
    pub bulk: bulk::Limits,
}

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Annals commands",
    description = "What the business is asked to do. Each command is decided on the current state and appended to the log."
))]
struct Description;

type Routes = fn() -> OpenApiRouter<App>;

/// Every context, by name: one line each.
const CONTEXTS: &[(&str, Routes)] =
    &[("catalog", catalog::routes), ("inventory", inventory::routes), ("sales", sales::routes)];

/// The whole API.
pub fn router(app: App, parts: Parts) -> Router {
    let mut contexts = OpenApiRouter::with_openapi(Description::openapi());
    for (name, routes) in CONTEXTS {
        if parts.contexts.is_empty() || parts.contexts.iter().any(|wanted| wanted == name) {
            contexts = contexts.merge(routes());
        }
    }
    let (routes, mut openapi) = contexts.split_for_parts();
    let routes = routes.with_state(app);
    let gate = Gate::new(domain::ACCESS, parts.authenticate);
    let single =
        guarded(routes.clone(), gate.clone()).layer(axum::extract::DefaultBodyLimit::max(parts.max_body_bytes));
    let (bulk, described) = bulk::routes(single, parts.bulk).split_for_parts();
    openapi.merge(described);
    let around = Surroundings {
        gate,
        openapi: description::common().complete(&openapi),
        ready: parts.ready,
        max_body_bytes: parts.max_body_bytes,
        request_timeout: parts.request_timeout,
    };
    assemble(routes.merge(bulk), around)
}
