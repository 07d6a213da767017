//! The command API without a socket.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use command_api::stores::{Stores, Which};
use command_api::{App, Parts, bulk, router};
use e2e::calls::{Answer, call, key_of_each};
use event_store::{EventStore, Settings, Upcasters};
use platform::identity::ApiKeys;
use serde_json::{Value, json};
use sqlx::PgPool;

pub(crate) struct Api {
    pub(crate) router: Router,
    pool: PgPool,
}

impl Api {
    /// The API with a key for each role; the key is the role's name.
    pub(crate) fn start(pool: &PgPool) -> Self {
        Self::with(pool, Duration::from_secs(30), |_| ())
    }

    /// The same, and stores are those that the catalog knows.
    pub(crate) fn with_known_stores(pool: &PgPool) -> Self {
        Self::of(pool, Which::Known, Duration::from_secs(30), |_| ())
    }

    pub(crate) fn with_patience(pool: &PgPool, request_timeout: Duration) -> Self {
        Self::with(pool, request_timeout, |_| ())
    }

    pub(crate) fn with_bulk(pool: &PgPool, change: impl FnOnce(&mut bulk::Limits)) -> Self {
        Self::with(pool, Duration::from_secs(30), change)
    }

    fn with(pool: &PgPool, request_timeout: Duration, change: impl FnOnce(&mut bulk::Limits)) -> Self {
        Self::of(pool, Which::Any, request_timeout, change)
    }

    fn of(pool: &PgPool, stores: Which, request_timeout: Duration, change: impl FnOnce(&mut bulk::Limits)) -> Self {
        let keys = ApiKeys::parse(&key_of_each(domain::access::ROLES), domain::access::ROLES).unwrap();
        let store = EventStore::start(pool.clone(), Upcasters::new(domain::upcasters()), Settings::default());
        let mut bulk = bulk::Limits {
            line: 1024 * 1024,
            in_flight: 64,
            requests: 4,
            waiting: 64 * 1024 * 1024,
            all_waiting: 64 * 1024 * 1024,
            time: Duration::from_secs(60),
        };
        change(&mut bulk);
        let parts = Parts {
            authenticate: Box::new(keys),
            contexts: Vec::new(),
            ready: Arc::new(|| Box::pin(async { Ok(json!({})) })),
            max_body_bytes: 1024 * 1024,
            request_timeout,
            bulk,
        };
        let stores = Stores::of(store.clone(), stores);
        let app = App { store, longest_hold: chrono::TimeDelta::minutes(30), stores };
        Self { router: router(app, parts), pool: pool.clone() }
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
        call(&self.router, key, (method, path), headers, body).await.unwrap()
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
