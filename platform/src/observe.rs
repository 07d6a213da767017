//! What is seen of each request: its trace, and a metric whose series a stranger cannot multiply.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::trace::Trace;

/// Gives each request its trace, and counts and times it.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
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
    let labels =
        [("method", known(&method).to_owned()), ("route", route.clone()), ("status", status.as_u16().to_string())];
    metrics::histogram!("annals_http_request_seconds", &labels).record(started.elapsed());
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(%method, route, status = status.as_u16(), micros, "answered"));
    response
}

/// Anybody may invent a method; it is to make no new series.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
