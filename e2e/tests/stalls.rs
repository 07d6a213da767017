//! A command API whose database gives no answer: it says so, to its clients and to who watches it, and goes on by itself.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use e2e::postgres::Cluster;
use e2e::process::{Binary, Service};
use e2e::proxy::Proxy;
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

struct Api {
    cluster: Cluster,
    proxy: Proxy,
    service: Service,
    client: Client,
    _keys: tempfile::TempDir,
}

/// Its database is behind a proxy; a statement may take a second, a request three.
async fn api() -> Api {
    let cluster = Cluster::start().await.unwrap();
    cluster.create_database("annals").await.unwrap();
    let proxy = Proxy::start(cluster.port(), b"never sent").await.unwrap();
    let keys = e2e::system::keys_directory().unwrap();
    let migrate = Binary::named("replay-tool").env("ANNALS_DATABASE_URL", cluster.url("postgres", "annals"));
    assert!(migrate.run(&["migrate"]).await.unwrap().status.success());
    let service = Binary::named("command-api")
        .env("ANNALS_DATABASE_URL", format!("postgres://annals_command@127.0.0.1:{}/annals", proxy.port()))
        .env("ANNALS_KEYS_FILE", keys.path().join("keys.json").display().to_string())
        .env("ANNALS_STATEMENT_TIMEOUT", "1")
        .env("ANNALS_REQUEST_TIMEOUT", "3")
        .env("ANNALS_STALLED_AFTER", "0.5")
        .env("ANNALS_DRAIN_TIMEOUT", "2")
        .serve()
        .await
        .unwrap();
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    Api { cluster, proxy, service, client, _keys: keys }
}

impl Api {
    async fn add(&self, sku: &str) -> (u16, Value) {
        let body = json!({ "sku": sku, "name": "Mug", "price": "4.00", "currency": "GBP" });
        let request =
            self.client.post(self.service.url("/v1/catalog/products")).bearer_auth(e2e::system::KEY).json(&body);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(status == 503, response.headers().contains_key("retry-after"));
        let body: Value = response.json().await.unwrap();
        (status, body["code"].clone())
    }

    async fn is_ready(&self) -> bool {
        self.client.get(self.service.url("/readyz")).send().await.unwrap().status().is_success()
    }
}

#[tokio::test]
async fn connections_that_die_without_a_word_are_replaced_without_a_restart() {
    let api = api().await;
    for round in 0..2 {
        assert_eq!(api.add(&format!("before-{round}")).await.0, 201);
        api.proxy.let_die();
        assert_eq!(api.add(&format!("after-{round}")).await.0, 201);
        assert!(api.is_ready().await);
    }
}

#[tokio::test]
async fn a_log_that_takes_nothing_is_seen_by_all_and_keeps_nobody_waiting() {
    let api = api().await;
    assert_eq!(api.add("before").await.0, 201);
    assert!(api.is_ready().await);
    let mut admin = PgConnection::connect(&api.cluster.url("postgres", "annals")).await.unwrap();
    let mut locked = admin.begin().await.unwrap();
    sqlx::query("lock table events in share mode").execute(&mut *locked).await.unwrap();
    assert_eq!(api.add("handed-over").await, (503, json!("outcome-unknown")));
    assert!(!api.is_ready().await);
    assert_eq!(api.add("turned-away").await, (503, json!("log-stalled")));
    locked.commit().await.unwrap();
    while !api.is_ready().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(api.add("after").await.0, 201);
    let added: Vec<String> =
        sqlx::query_scalar("select aggregate_id from events order by position").fetch_all(&mut admin).await.unwrap();
    assert_eq!(added, ["before", "handed-over", "after"]);
}

#[tokio::test]
async fn a_log_that_takes_nothing_keeps_nobody_from_stopping() {
    let api = api().await;
    let mut admin = PgConnection::connect(&api.cluster.url("postgres", "annals")).await.unwrap();
    let mut locked = admin.begin().await.unwrap();
    sqlx::query("lock table events in share mode").execute(&mut *locked).await.unwrap();
    assert_eq!(api.add("handed-over").await.0, 503);
    assert!(api.service.stop().await.unwrap());
}
