//! What queries answer, on a real Postgres.

mod api;
mod figures;

use api::Api;
use serde_json::Value;
use sqlx::PgPool;

fn ids(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn pages_of_any_size_hold_every_item_once_and_in_order(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    for (path, field) in [
        ("/v1/catalog/products", "sku"),
        ("/v1/inventory", "sku"),
        ("/v1/inventory/alerts", "sku"),
        ("/v1/sales", "id"),
        ("/v1/sales?order=-gross", "id"),
        ("/v1/sales?order=-lines&country=United%20Kingdom", "id"),
        ("/v1/sales/refunds", "reason"),
        ("/v1/reporting/summary", "currency"),
    ] {
        let all = api.pages(path, 500).await;
        assert!(all.len() > 1, "{path} has several items");
        for limit in [1, 2, 3] {
            assert_eq!(ids(&api.pages(path, limit).await, field), ids(&all, field), "{path} by {limit}");
        }
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn products_are_found_by_words_by_the_beginning_of_their_sku_and_by_category(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    for (query, expected) in [
        ("q=mug", &["MUG", "MUG-2"][..]),
        ("q=mugs+blue", &["MUG"]),
        ("q=MUG-2", &["MUG-2"]),
        ("q=mug+-sand", &["MUG"]),
        ("category=kitchen&status=active", &["MUG", "MUG-2", "POT"]),
        ("status=discontinued", &[]),
    ] {
        let answer = api.get(&format!("/v1/catalog/products?{query}")).await;
        assert_eq!(ids(answer.body["items"].as_array().unwrap(), "sku"), expected, "{query}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn sales_are_filtered_by_store_customer_status_and_time(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    for (query, expected) in [
        ("store=leeds", &["S2", "S4", "S6", "S8", "S10", "S12"][..]),
        ("customer=c1&store=york", &["S1", "S7"]),
        ("from=1970-01-11", &["S10", "S11", "S12"]),
        ("from=1970-01-11&to=1970-01-11", &["S10"]),
        ("to=1970-01-03T00:00:00Z", &["S1"]),
        ("status=active", &[]),
        ("status=completed&order=-gross&limit=2", &["S12", "S11"]),
    ] {
        let answer = api.get(&format!("/v1/sales?{query}")).await;
        assert_eq!(ids(answer.body["items"].as_array().unwrap(), "id"), expected, "{query}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn refunds_are_filtered_by_outcome_and_reason_and_stock_by_what_runs_low(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let count = async |path: &str| api.get(path).await.body["items"].as_array().unwrap().len();
    assert_eq!(count("/v1/sales/refunds?outcome=refused").await, 2);
    assert_eq!(count("/v1/sales/refunds?outcome=refused&reason=never_sold").await, 1);
    assert_eq!(count("/v1/sales/refunds?store=york").await, 0);
    assert_eq!(count("/v1/inventory?low=true").await, 2);
    assert_eq!(count("/v1/inventory/alerts?store=york").await, 1);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn figures_are_kept_apart_by_currency(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let summary = api.get("/v1/reporting/summary").await.body;
    assert_eq!(ids(summary["items"].as_array().unwrap(), "currency"), ["EUR", "GBP"]);
    let euros = api.get("/v1/reporting/summary?currency=EUR").await.body;
    assert_eq!((&euros["items"][0]["sales"]["gross"], &euros["items"][1]), (&Value::from("31.50"), &Value::Null));
    let nobody = api.get("/v1/reporting/by/customer/none").await.body;
    assert_eq!(nobody["items"][0]["sales"]["units"], 3 + 6 + 9 + 12);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_cannot_be_asked_is_told_with_the_parameter_that_is_wrong(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    for (path, status, pointer) in [
        ("/v1/sales?limit=0", 400, Some("limit")),
        ("/v1/sales?limit=501", 400, Some("limit")),
        ("/v1/sales?cursor=zz", 400, Some("cursor")),
        ("/v1/sales?order=gross", 400, Some("order")),
        ("/v1/sales?from=yesterday", 400, Some("from")),
        ("/v1/sales?colour=red", 400, None),
        ("/v1/sales?at_least=soon", 400, Some("at_least")),
        ("/v1/sales/refunds?outcome=maybe", 400, Some("outcome")),
        ("/v1/catalog/products?status=gone", 400, Some("status")),
        ("/v1/reporting/by/weather", 400, None),
        ("/v1/reporting/by/product?order=-net", 400, Some("currency")),
        ("/v1/reporting/by/product?order=price", 400, None),
        ("/v1/reporting/dashboard", 400, None),
        ("/v1/sales/none", 404, None),
        ("/v1/sales/returns/none", 404, None),
        ("/v1/catalog/products/none", 404, None),
        ("/v1/catalog/stores/none", 404, None),
        ("/v1/inventory/leeds/none", 404, None),
        ("/v1/nothing", 404, None),
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        if let Some(pointer) = pointer {
            assert!(answer.body["errors"].to_string().contains(pointer), "{path}: {}", answer.text);
        }
    }
    assert_eq!(api.get("/v1/reporting/by/customer/nobody-known").await.body["items"], Value::Array(vec![]));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn an_answer_says_how_far_it_is_true_and_is_not_sent_twice(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let head: i64 = sqlx::query_scalar("select position from log_head").fetch_one(&pool).await.unwrap();
    let first = api.get("/v1/sales/S1").await;
    assert_eq!((first.header("log-position"), first.header("etag")), (&*head.to_string(), &*format!("\"{head}\"")));
    let again = api.get_with("/v1/sales/S1", &[("if-none-match", first.header("etag"))]).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let other = api.get_with("/v1/sales/S1", &[("if-none-match", "\"1\"")]).await;
    assert_eq!(other.status, 200);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_query_waits_for_what_was_written_or_says_that_it_is_not_there_yet(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let position = api.add("NEW", "Brand new", "kitchen").await;
    let path = format!("/v1/catalog/products/NEW?at_least={position}");
    let behind = api.get_with(&path, &[("prefer", "wait=1")]).await;
    assert_eq!((behind.status, behind.code()), (503, "projection-behind"));
    assert_eq!(behind.body["required"], position);
    assert_eq!(behind.body["current"], position - 1);
    assert!(!behind.header("retry-after").is_empty());
    api.work();
    for number in 0..20 {
        let sku = format!("NEW-{number}");
        let position = api.add(&sku, "Brand new", "kitchen").await;
        let path = format!("/v1/catalog/products/{sku}?at_least={position}");
        let found = api.get_with(&path, &[("prefer", "wait=5")]).await;
        assert_eq!((found.status, found.header("preference-applied")), (200, "wait=5"), "{}", found.text);
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn before_there_is_a_read_model_the_answer_is_that_it_is_behind(pool: PgPool) {
    let api = Api::start(&pool).await;
    let answer = api.get("/v1/sales").await;
    assert_eq!((answer.status, answer.code()), (503, "projection-behind"));
    assert_eq!(api.get("/v1/projections").await.status, 200);
}
