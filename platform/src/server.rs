//! What every HTTP service does around its routes.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use axum::{Extension, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_swagger_ui::SwaggerUi;

use crate::access::{self, Gate};
use crate::config::Listen;
use crate::problem;
use crate::trace::Trace;
use crate::{Problem, extract};

/// Says whether the service can do its work now: `Ok` or `Err`, each with details.
pub type Readiness = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Value, Value>> + Send>> + Send + Sync>;

/// What [`assemble`] puts around the routes.
pub struct Surroundings {
    /// Who may use which route.
    pub gate: Gate,
    /// The routes' description.
    pub openapi: OpenApi,
    /// Whether the service can do its work.
    pub ready: Readiness,
    /// Renders `/metrics`; none in tests.
    pub metrics: Option<PrometheusHandle>,
    /// Bytes of a body at most.
    pub max_body_bytes: usize,
    /// How long a request may take; streams are not limited once they answer.
    pub request_timeout: Duration,
}

/// A service's routes with everything around them: access, limits, problem documents, traces, metrics, health, description.
pub fn assemble(routes: Router, around: Surroundings) -> Router {
    let Surroundings { gate, openapi, ready, metrics, max_body_bytes, request_timeout } = around;
    let open = health(ready, metrics)
        .route("/problems/{code}", get(async |extract::Path(code): extract::Path<String>| problem::page(&code)))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", with_key(openapi)));
    guarded(routes, gate)
        .merge(open)
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .layer(middleware::from_fn_with_state(request_timeout, limit_time))
        .layer(middleware::from_fn(observe))
}

/// Every route wants an API key; saying so gives the page a field to enter one.
fn with_key(mut openapi: OpenApi) -> OpenApi {
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    openapi.components.get_or_insert_default().add_security_scheme("api_key", key);
    openapi.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("api_key", [])]);
    openapi
}

/// Routes behind the gate, with problem documents for what is not there and for panics.
pub fn guarded(routes: Router, gate: Gate) -> Router {
    routes
        .layer(middleware::from_fn_with_state(gate, access::guard))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(CatchPanicLayer::custom(panicked))
}

/// `/livez`, `/readyz` and `/metrics`.
pub fn health(ready: Readiness, metrics: Option<PrometheusHandle>) -> Router {
    let readyz = async move || match ready().await {
        Ok(details) => Json(details).into_response(),
        Err(details) => (StatusCode::SERVICE_UNAVAILABLE, Json(details)).into_response(),
    };
    Router::new()
        .route("/livez", get(async || Json(json!({ "alive": true }))))
        .route("/readyz", get(readyz))
        .route("/metrics", get(async move || metrics.map(|handle| handle.render()).unwrap_or_default()))
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("there is no route {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} is not a route for {method}", uri.path());
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

/// Gives each request its trace, and counts and times it.
async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let trace = Trace::from_headers(request.headers());
    let span = tracing::info_span!("request", trace_id = trace.id());
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(trace.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(value) = HeaderValue::from_str(&trace.parent()) {
        response.headers_mut().insert("traceparent", value);
    }
    let status = response.status();
    let labels = [("method", method.to_string()), ("route", route.clone()), ("status", status.as_u16().to_string())];
    metrics::histogram!("annals_http_request_seconds", &labels).record(started.elapsed());
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(%method, route, status = status.as_u16(), micros, "answered"));
    response
}

/// Cancelled at SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be listened to.
pub fn stop_signal() -> anyhow::Result<CancellationToken> {
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

/// Serves until `stop` is cancelled, then gives open requests the drain time to end.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve(router: Router, settings: &Listen, stop: CancellationToken) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(settings.listen).await.with_context(|| format!("could not listen on {}", settings.listen))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let router = router.layer(Extension(stop.clone()));
    let stopping = stop.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move { stopping.cancelled().await });
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(Duration::from_secs(settings.drain_timeout)).await;
    };
    tokio::select! {
        served = serving => served.context("serving failed"),
        () = deadline => {
            tracing::warn!("some requests did not end in time and were dropped");
            Ok(())
        }
    }
}
