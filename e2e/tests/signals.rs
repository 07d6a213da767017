//! SIGHUP reads the keys anew and ends nothing.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::time::Duration;

use e2e::system::System;
use serde_json::json;

/// Asks again until the status is the wanted one.
async fn becomes(system: &System, wanted: u16) -> bool {
    for _ in 0..100 {
        if system.get("/v1/projections").await.unwrap().status == wanted {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_opens_nothing_after_a_hangup_which_ends_no_service() {
    let system = System::start().await.unwrap();
    let keys = fs::read_to_string(system.keys_file()).unwrap();
    let services = || system.commands.iter().chain(&system.projectors).chain([&system.query]);
    fs::write(system.keys_file(), "[{").unwrap();
    for service in services() {
        service.signal("HUP").await.unwrap();
    }
    // A broken file changes nothing; whoever ended by the signal does not get the next one.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(system.get("/v1/projections").await.unwrap().status, 200);
    let metrics = reqwest::get(system.query.inner_url("/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("annals_keys_reloads_total{outcome=\"refused\"} 1"), "{metrics}");
    fs::write(system.keys_file(), "[]").unwrap();
    for service in services() {
        service.signal("HUP").await.unwrap();
    }
    assert!(becomes(&system, 401).await);
    assert_eq!(system.post("/v1/sales", None, &json!({})).await.unwrap().status, 401);
    fs::write(system.keys_file(), keys).unwrap();
    system.query.signal("HUP").await.unwrap();
    assert!(becomes(&system, 200).await);
    assert_eq!(reqwest::get(system.query.url("/metrics")).await.unwrap().status(), 404);
}
