//! The command API without a socket.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use command_api::{App, Parts, router};
use event_store::{EventStore, Settings, Upcasters};
use platform::identity::ApiKeys;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use tower::ServiceExt as _;

pub(crate) struct Api {
    pub(crate) router: Router,
    pool: PgPool,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }
}

impl Api {
    /// The API with a key for each role; the key is the role's name.
    pub(crate) fn start(pool: &PgPool) -> Self {
        let keys: Vec<Value> = domain::access::ROLES
            .iter()
            .map(|role| json!({ "name": role, "sha256": format!("{:x}", Sha256::digest(role)), "roles": [role] }))
            .collect();
        let keys = ApiKeys::parse(&Value::from(keys).to_string(), domain::access::ROLES).unwrap();
        let store = EventStore::start(pool.clone(), Upcasters::new(domain::upcasters()), Settings::default());
        let parts = Parts {
            authenticate: Box::new(keys),
            contexts: Vec::new(),
            ready: Arc::new(|| Box::pin(async { Ok(json!({})) })),
            metrics: None,
            max_body_bytes: 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            bulk_in_flight: 64,
        };
        Self { router: router(App { store }, parts), pool: pool.clone() }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(body)).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.send_as("admin", method, path, headers, body.map(Value::to_string)).await
    }

    pub(crate) async fn raw(&self, path: &str, content_type: &str, body: &str) -> Answer {
        self.send_as("admin", "POST", path, &[("content-type", content_type)], Some(body.to_owned())).await
    }

    pub(crate) async fn send_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.unwrap_or_default())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, body }
    }

    pub(crate) async fn events(&self) -> i64 {
        sqlx::query_scalar("select count(*) from events").fetch_one(&self.pool).await.unwrap()
    }
}

/// A complete sale to Ada of so many mugs.
pub(crate) fn sale(id: &str, quantity: i64) -> Value {
    json!({ "id": id, "store": "s", "customer": "ada", "country": "UK", "currency": "GBP", "complete": true,
        "lines": [{ "sku": "MUG", "description": "Mug", "quantity": quantity, "unit_price": "4.50" }] })
}
