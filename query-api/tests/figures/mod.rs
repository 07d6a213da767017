//! Figures, on a real Postgres.

use serde_json::Value;
use sqlx::PgPool;

use crate::api::Api;

const ORDERS: &[&str] = &["value", "gross", "net", "units", "refunds"];
const DIMENSIONS: &[&str] = &["day", "week", "month", "country", "store", "channel", "category", "product", "customer"];

fn values(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["value"].as_str().unwrap_or_default()).collect()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn pages_of_every_order_of_every_side_hold_every_item_once_and_in_order(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    for dimension in DIMENSIONS {
        for order in ORDERS {
            let list = |order: &str| format!("/v1/reporting/by/{dimension}?currency=GBP&order={order}");
            let up = api.pages(&list(order), 500).await;
            assert!(!up.is_empty(), "{dimension}");
            let mut down = api.pages(&list(&format!("-{order}")), 500).await;
            down.reverse();
            assert_eq!(down, up, "{dimension} by {order}");
            for limit in [1, 2, 5] {
                assert_eq!(api.pages(&list(order), limit).await, up, "{dimension} by {order}, {limit} at a time");
            }
        }
    }
    let net = |item: &Value| item["net"].as_str().unwrap().parse::<f64>().unwrap();
    let days = api.pages("/v1/reporting/by/day?currency=GBP&order=-net", 3).await;
    assert!(days.len() > 5 && days.is_sorted_by(|a, b| net(a) >= net(b)), "{:?}", values(&days));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_cursor_of_another_list_order_or_currency_is_refused(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let first = api.get("/v1/reporting/by/day?currency=GBP&order=-net&limit=1").await;
    let cursor = first.body["next"].as_str().unwrap();
    for list in [
        "by/day?currency=GBP&order=net",
        "by/week?currency=GBP&order=-net",
        "by/day?currency=EUR&order=-net",
        "by/day?",
        "summary?",
    ] {
        let answer = api.get(&format!("/v1/reporting/{list}&cursor={cursor}")).await;
        assert_eq!(answer.status, 400, "{list}: {}", answer.text);
        assert!(answer.body["errors"].to_string().contains("cursor"), "{}", answer.text);
    }
    let further = api.get(&format!("/v1/reporting/by/day?currency=GBP&order=-net&limit=2&cursor={cursor}")).await;
    assert_eq!(further.status, 200, "{}", further.text);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn figures_are_grouped_and_a_refused_claim_lowers_nothing(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let body = api.get("/v1/reporting/summary?currency=GBP").await.body;
    let pounds = &body["items"][0];
    let refunds = &pounds["refunds"];
    assert_eq!((&refunds["amount"], &refunds["accepted"]["units"]), (&Value::from("4.50"), &Value::from(1)));
    for reason in ["never_sold", "exceeds"] {
        assert_eq!(refunds["refused"][reason]["amount"], "4.50", "{reason}");
    }
    let amount = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    assert!((amount(&pounds["net"]) - (amount(&pounds["sales"]["gross"]) - 4.5)).abs() < 1e-9, "{pounds}");
    assert_eq!(pounds["customers"]["active"], 2);
    let product = api.get("/v1/reporting/by/product/MUG?currency=GBP").await.body;
    assert_eq!(product["items"][0]["product"]["last_price"], "4.50");
    assert!(product["items"][0]["sales"].get("documents").is_none(), "{product}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_dashboard_shows_what_its_lists_show(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let dashboard = api.get("/v1/reporting/dashboard?currency=GBP").await;
    assert_eq!(dashboard.status, 200, "{}", dashboard.text);
    let summary = api.get("/v1/reporting/summary?currency=GBP").await.body;
    assert_eq!(dashboard.body["total"], summary["items"][0]);
    for (part, list) in [
        ("days", "day?order=-value"),
        ("weeks", "week?order=-value"),
        ("months", "month?order=-value"),
        ("channels", "channel?order=-net"),
        ("countries", "country?order=-net"),
        ("stores", "store?order=-net"),
        ("categories", "category?order=-net"),
        ("products", "product?order=-net"),
        ("customers", "customer?order=-net"),
    ] {
        let list = api.get(&format!("/v1/reporting/by/{list}&currency=GBP")).await.body;
        assert_eq!(dashboard.body[part], list["items"], "{part}");
    }
    let nothing = api.get("/v1/reporting/dashboard?currency=CHF").await.body;
    assert_eq!((&nothing["total"], &nothing["days"]), (&Value::Null, &Value::Array(vec![])));
}
