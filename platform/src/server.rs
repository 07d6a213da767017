//! What every HTTP service does around its routes.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use axum::{Extension, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_swagger_ui::SwaggerUi;

use crate::access::{self, Gate};
use crate::config::{Inner, Listen};
use crate::observe::observe;
use crate::problem;
use crate::{Problem, connections, extract};

/// How long a check of readiness may take.
const READINESS: Duration = Duration::from_secs(3);

/// Says whether the service can do its work now: `Ok` or `Err`, each with details.
pub type Readiness = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Value, Value>> + Send>> + Send + Sync>;

/// What [`assemble`] puts around the routes.
pub struct Surroundings {
    /// Who may use which route.
    pub gate: Gate,
    /// The routes' description; see [`crate::description`].
    pub openapi: Value,
    /// Whether the service can do its work.
    pub ready: Readiness,
    /// Bytes of a body at most.
    pub max_body_bytes: usize,
    /// How long a request may take; streams are not limited once they answer.
    pub request_timeout: Duration,
}

/// A service's routes with everything around them: access, limits, problem documents, traces, metrics, health, description.
pub fn assemble(routes: Router, around: Surroundings) -> Router {
    let Surroundings { gate, openapi, ready, max_body_bytes, request_timeout } = around;
    let open = health(ready)
        .route("/problems/{code}", get(page))
        .merge(SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", openapi));
    guarded(routes, gate)
        .merge(open)
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(middleware::from_fn_with_state(request_timeout, limit_time))
        .layer(middleware::from_fn(observe))
}

/// Routes behind the gate, with problem documents for what is not there and for panics.
pub fn guarded(routes: Router, gate: Gate) -> Router {
    routes
        .layer(middleware::from_fn_with_state(gate, access::guard))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(CatchPanicLayer::custom(panicked))
}

/// `/livez`, `/readyz` with its details, and `/metrics`: for those who watch the service, not for the world.
pub fn watched(ready: Readiness, metrics: PrometheusHandle) -> Router {
    let readyz = async move || answered(in_time(&ready).await);
    Router::new()
        .merge(livez())
        .route("/readyz", get(readyz))
        .route("/metrics", get(async move || metrics.render()))
        .fallback(not_found)
}

/// `/livez` and `/readyz` for the world: a bare yes or no.
fn health(ready: Readiness) -> Router {
    let readyz = async move || {
        let bare = |ready: bool| json!({ "ready": ready });
        answered(in_time(&ready).await.map(|_| bare(true)).map_err(|_| bare(false)))
    };
    livez().route("/readyz", get(readyz))
}

fn livez() -> Router {
    Router::new().route("/livez", get(async || Json(json!({ "alive": true }))))
}

fn answered(ready: Result<Value, Value>) -> Response {
    match ready {
        Ok(details) => Json(details).into_response(),
        Err(details) => (StatusCode::SERVICE_UNAVAILABLE, Json(details)).into_response(),
    }
}

/// A check that takes longer is one that has failed.
async fn in_time(ready: &Readiness) -> Result<Value, Value> {
    let late = |_| Err(json!({ "ready": false, "reason": "the check did not end in time" }));
    tokio::time::timeout(READINESS, ready()).await.unwrap_or_else(late)
}

async fn page(extract::Path(code): extract::Path<String>) -> Result<String, Problem> {
    problem::page(&code).ok_or_else(|| Problem::not_found("there is no such code"))
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("there is no route {}", shown(uri.path())))
}

/// What a stranger sent, as far as an answer repeats it.
fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} is not a route for {}", shown(uri.path()), shown(method.as_str()));
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::unavailable(
            "timeout",
            "no answer in time; a command may be sent again under the same Idempotency-Key",
            1,
        )
        .into_response(),
    }
}

fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let cause = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(cause, "a handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side; it has been logged")
        .into_response()
}

/// Serves until `stop` is cancelled, then gives open requests the drain time to end.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(router: Router, settings: &Listen, stop: CancellationToken) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(settings.listen).await.with_context(|| format!("could not listen on {}", settings.listen))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let serving = connections::serve(listener, router.layer(Extension(stop.clone())), settings, stop.clone());
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(Duration::from_secs(settings.drain_timeout)).await;
    };
    tokio::select! {
        () = serving => {}
        () = deadline => tracing::warn!("some requests did not end in time and were dropped"),
    }
    Ok(())
}

/// [`serve`], and beside it those who watch the service, at the inner address if there is one.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn serve_watched(
    router: Router,
    watched: Router,
    settings: &Listen,
    inner: &Inner,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let inner = async {
        match inner.inner_listen {
            Some(listen) => serve(watched, &Listen { listen, ..settings.clone() }, stop.clone()).await,
            None => Ok(()),
        }
    };
    tokio::try_join!(serve(router, settings, stop.clone()), inner).map(|((), ())| ())
}
