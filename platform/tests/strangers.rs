//! What anybody may send without a key leaves nothing behind, and is told nothing.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::get;
use platform::access::Gate;
use platform::identity::ApiKeys;
use platform::server::{Readiness, Surroundings, assemble, watched};
use platform::telemetry;
use serde_json::json;
use tower::ServiceExt as _;

async fn ask(router: &Router, method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

fn readiness() -> Readiness {
    Arc::new(|| Box::pin(async { Ok(json!({ "ready": true, "secret": "a detail" })) }))
}

#[tokio::test]
async fn a_stranger_makes_no_series_and_sees_no_details() {
    let metrics = telemetry::recorder().unwrap();
    let api = assemble(
        Router::new().route("/thing", get(async || "thing")),
        Surroundings {
            gate: Gate::new(&[], Box::new(ApiKeys::default())),
            openapi: serde_json::Value::Null,
            ready: readiness(),
            max_body_bytes: 1024,
            request_timeout: Duration::from_secs(5),
        },
    );
    let inner = watched(readiness(), metrics);
    for method in ["FOO", "BAR", "get", "DELETE", "HEAD"] {
        for path in ["/thing", "/livez", "/no/such/route"] {
            let (status, headers, _) = ask(&api, method, path).await;
            assert!(status.is_client_error() || method == "HEAD", "{method} {path} {status}");
            if status == StatusCode::METHOD_NOT_ALLOWED {
                assert!(headers.contains_key("allow"), "{method} {path}");
            }
        }
    }
    let (_, _, series) = ask(&inner, "GET", "/metrics").await;
    assert!(series.contains(r#"method="other""#) && series.contains(r#"route="none""#), "{series}");
    for invented in ["FOO", "BAR", r#""get""#, "no/such"] {
        assert!(!series.contains(invented), "{invented}");
    }
    assert_eq!(ask(&api, "GET", "/metrics").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(&api, "GET", "/readyz").await.2, r#"{"ready":true}"#);
    assert!(ask(&inner, "GET", "/readyz").await.2.contains("a detail"));
    let long = format!("/{}", "x".repeat(5000));
    assert!(ask(&api, "GET", &long).await.2.len() < 1000, "it is repeated whole");
    assert!(ask(&api, "GET", "/problems/sales.sale_unknown").await.2.starts_with("sales.sale_unknown"));
    assert_eq!(ask(&api, "GET", "/problems/%3Cscript%3E").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_check_that_hangs_is_one_that_failed() {
    let hangs: Readiness = Arc::new(|| Box::pin(std::future::pending()));
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
    let (status, _, _) = ask(&watched(hangs, metrics), "GET", "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}
