//! What is promised ends, whether anybody comes back for it or not.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use e2e::system::System;
use serde_json::{Value, json};

const ITEM: &str = "/v1/inventory/leeds/MUG";
const ABANDONED: &str = "00000000-0000-0000-0000-000000000001";

#[expect(clippy::disallowed_methods, reason = "a client has a clock")]
fn in_seconds(seconds: i64) -> String {
    (Utc::now() + TimeDelta::seconds(seconds)).to_rfc3339()
}

async fn post(system: &System, command: &str, body: Value) -> u16 {
    system.post(&format!("{ITEM}/{command}"), None, &body).await.unwrap().status
}

async fn listed(system: &System, status: &str) -> Vec<Value> {
    let found = system.get(&format!("{ITEM}/reservations?status={status}")).await.unwrap();
    found.body["items"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn an_abandoned_reservation_ends_by_itself_and_its_units_can_be_had_again() {
    let system = System::start_with(2, 1).await.unwrap();
    assert_eq!(post(&system, "receive", json!({ "quantity": 5 })).await, 200);
    let hold = json!({ "reservation": ABANDONED, "quantity": 3, "expires_at": in_seconds(2) });
    assert_eq!(post(&system, "reserve", hold.clone()).await, 200);
    assert_eq!(post(&system, "reserve", hold).await, 200, "asked again");
    let shown = tokio::time::timeout(Duration::from_secs(20), async {
        while listed(&system, "held").await.len() != 1 && listed(&system, "expired").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    shown.await.expect("it is listed");
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let stock = system.get(ITEM).await.unwrap().body;
            if stock["available"] == 5 {
                return stock;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let stock = ended.await.expect("nobody asks for anything, and yet the reservation ends");
    assert_eq!((&stock["on_hand"], &stock["reserved"]), (&json!(5), &json!(0)));
    assert_eq!(listed(&system, "expired").await[0]["id"], ABANDONED);
    assert!(listed(&system, "held").await.is_empty());
    let late = json!({ "reservation": ABANDONED, "at": "2020-01-01T00:00:00Z" });
    assert_eq!(post(&system, "commit", late).await, 409, "by the client's clock it would be in time");
    assert_eq!(post(&system, "issue", json!({ "quantity": 5 })).await, 200);
}

#[tokio::test]
async fn a_reservation_taken_back_before_it_comes_is_refused_and_none_lasts_for_years() {
    let system = System::start().await.unwrap();
    assert_eq!(post(&system, "receive", json!({ "quantity": 5 })).await, 200);
    let id = "00000000-0000-0000-0000-000000000002";
    assert_eq!(post(&system, "release", json!({ "reservation": id })).await, 200);
    assert_eq!(post(&system, "release", json!({ "reservation": id })).await, 200, "taken back again");
    let late = json!({ "reservation": id, "quantity": 3, "expires_at": in_seconds(60) });
    assert_eq!(post(&system, "reserve", late).await, 409);
    let forever = json!({ "reservation": ABANDONED, "quantity": 3, "expires_at": "2099-01-01T00:00:00Z" });
    assert_eq!(post(&system, "reserve", forever).await, 422);
    assert_eq!(post(&system, "reserve", json!({ "reservation": ABANDONED, "quantity": 3 })).await, 200);
    assert_eq!(
        post(&system, "extend", json!({ "reservation": ABANDONED, "expires_at": in_seconds(99_999) })).await,
        422
    );
    assert_eq!(post(&system, "extend", json!({ "reservation": ABANDONED })).await, 200);
    for _ in 0..2 {
        assert_eq!(post(&system, "commit", json!({ "reservation": ABANDONED })).await, 200);
    }
    assert_eq!(post(&system, "release", json!({ "reservation": ABANDONED })).await, 409);
}
