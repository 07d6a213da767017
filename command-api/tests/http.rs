//! The HTTP contract, on a real Postgres.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod api;

use std::fmt::Write as _;
use std::time::Duration;

use api::{Api, sale};
use serde_json::{Value, json};
use sqlx::PgPool;

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_new_sale_is_answered_201_with_its_place_in_the_log(pool: PgPool) {
    let api = Api::start(&pool);
    let answer = api.post("/v1/sales", &sale("1", 3)).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body, json!({ "id": "1", "sequence": 2, "position": 3 }));
    assert_eq!(answer.header("etag"), "\"2\"");
    assert_eq!(answer.header("location"), "/v1/sales/1");
    assert_eq!(answer.header("log-position"), "3");
    assert!(answer.header("traceparent").starts_with("00-"));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_command_sent_twice_under_one_key_has_one_effect_and_one_answer(pool: PgPool) {
    let api = Api::start(&pool);
    let key = [("idempotency-key", "\"k1\"")];
    let first = api.send("POST", "/v1/sales", &key, Some(&sale("1", 3))).await;
    let second = api.send("POST", "/v1/sales", &key, Some(&sale("1", 3))).await;
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(first.header("idempotent-replayed"), "");
    let other = api.send("POST", "/v1/sales", &key, Some(&sale("1", 4))).await;
    assert_eq!((other.status, other.code()), (422, "idempotency-key-reused"));
    let other_match = api.send("POST", "/v1/sales", &[key[0], ("if-match", "\"0\"")], Some(&sale("1", 3))).await;
    assert_eq!(
        (other_match.status, other_match.code()),
        (422, "idempotency-key-reused"),
        "If-Match is part of the request"
    );
    assert_eq!(api.events().await, 3);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn two_at_once_under_one_key_have_one_effect_and_both_get_its_answer(pool: PgPool) {
    let api = Api::start(&pool);
    let key = [("idempotency-key", "k1")];
    let body = sale("1", 3);
    let answers = futures::future::join_all((0..8).map(|_| api.send("POST", "/v1/sales", &key, Some(&body)))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed") != "true").count(), 1);
    assert_eq!(api.events().await, 3);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_command_that_got_no_answer_in_time_is_sent_again_under_its_key(pool: PgPool) {
    let api = Api::with_patience(&pool, Duration::from_millis(300));
    let key = [("idempotency-key", "k1")];
    // Nothing can be appended as long as somebody holds the head.
    let mut held = pool.begin().await.unwrap();
    sqlx::query("select from log_head for update").execute(&mut *held).await.unwrap();
    let late = api.send("POST", "/v1/sales", &key, Some(&sale("1", 3))).await;
    assert_eq!((late.status, late.code(), late.header("retry-after")), (503, "timeout", "1"));
    held.commit().await.unwrap();
    let again = api.send("POST", "/v1/sales", &key, Some(&sale("1", 3))).await;
    assert_eq!((again.status, &again.body["position"]), (201, &json!(3)));
    assert_eq!(api.events().await, 3);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_refused_command_leaves_no_key_behind(pool: PgPool) {
    let api = Api::start(&pool);
    let key = [("idempotency-key", "k1")];
    let refund = json!({ "refund": "R", "lines": [{ "sku": "MUG", "quantity": 1 }] });
    assert_eq!(api.send("POST", "/v1/sales/1/refund", &key, Some(&refund)).await.status, 404);
    api.post("/v1/sales", &sale("1", 3)).await;
    assert_eq!(api.send("POST", "/v1/sales/1/refund", &key, Some(&refund)).await.status, 200);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn if_match_names_the_sequence_that_must_stand(pool: PgPool) {
    let api = Api::start(&pool);
    let product = json!({ "sku": "A", "name": "a", "price": "1", "currency": "GBP" });
    api.post("/v1/catalog/products", &product).await;
    let reprice = json!({ "price": "2" });
    let at = |tag: &'static str| [("if-match", tag)];
    let late = api.send("POST", "/v1/catalog/products/A/reprice", &at("\"7\""), Some(&reprice)).await;
    assert_eq!((late.status, late.code(), &late.body["current"]), (412, "precondition-failed", &json!(1)));
    assert_eq!(api.send("POST", "/v1/catalog/products/A/reprice", &at("\"1\""), Some(&reprice)).await.status, 200);
    let second = json!({ "price": "3" });
    for good in ["*", "\"7\", \"3\"", "\"2\""] {
        let answer = api.send("POST", "/v1/catalog/products/A/reprice", &at(good), Some(&second)).await;
        assert_eq!(answer.status, if good == "\"2\"" { 412 } else { 200 }, "{good}: {}", answer.text);
    }
    let nobody = api.send("POST", "/v1/catalog/products/B/reprice", &at("*"), Some(&second)).await;
    assert_eq!((nobody.status, nobody.code()), (412, "precondition-failed"));
    for bad in ["1", "*, \"1\"", "W/\"1\"", "\"x\"", ""] {
        assert_eq!(
            api.send("POST", "/v1/catalog/products/A/reprice", &at(bad), Some(&reprice)).await.status,
            400,
            "{bad}"
        );
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn whatever_goes_wrong_is_told_as_a_problem_document(pool: PgPool) {
    let api = Api::start(&pool);
    api.post("/v1/sales", &sale("1", 3)).await;
    let no = |path: &'static str, body: Value| (path, body);
    let cases = [
        (400, "malformed", no("/v1/sales", json!({ "unknown": 1 }))),
        (404, "sales.sale_unknown", no("/v1/sales/9/complete", json!({}))),
        (404, "not-found", no("/v1/nothing", json!({}))),
        (409, "sales.sale_exists", no("/v1/sales", sale("1", 3))),
        (409, "sales.sale_complete", no("/v1/sales/1/complete", json!({}))),
        (422, "invalid", no("/v1/sales", sale("2", 0))),
        (
            422,
            "sales.refund_exceeds_sold",
            no("/v1/sales/1/refund", json!({ "lines": [{ "sku": "MUG", "quantity": 4 }] })),
        ),
        (
            422,
            "inventory.same_store",
            no("/v1/inventory/transfers", json!({ "sku": "A", "from": "x", "to": "x", "quantity": 1 })),
        ),
    ];
    for (status, code, (path, body)) in cases {
        let answer = api.post(path, &body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{path} {body}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        assert_eq!(answer.body["type"], format!("/problems/{code}"));
    }
    let invalid = api.post("/v1/sales", &sale("2", 0)).await;
    assert_eq!(invalid.body["errors"][0]["pointer"], "/lines/0/quantity");
    let page = api.send("GET", "/problems/stale", &[], None).await;
    assert_eq!(page.status, 200);
    let wrong_method = api.send("DELETE", "/v1/sales", &[], None).await;
    assert_eq!((wrong_method.status, wrong_method.code()), (405, "method-not-allowed"));
    assert_eq!(wrong_method.header("allow"), "POST");
    let text = api.raw("/v1/sales", "text/plain", "hello").await;
    assert_eq!((text.status, text.code()), (415, "unsupported-media-type"));
    let large = api.raw("/v1/sales", "application/json", &"x".repeat(3 * 1024 * 1024)).await;
    assert_eq!((large.status, large.code()), (413, "too-large"));
    assert_eq!(api.events().await, 3, "none of it left anything");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_return_without_receipt_is_judged_on_all_sales_of_the_customer(pool: PgPool) {
    let api = Api::start(&pool);
    api.post("/v1/sales", &sale("1", 3)).await;
    api.post("/v1/sales", &sale("2", 2)).await;
    let back = |id: &str, quantity: i64| {
        json!({ "id": id, "store": "s", "customer": "ada", "country": "UK", "currency": "GBP",
            "lines": [{ "sku": "MUG", "quantity": quantity, "unit_price": "4.50" }] })
    };
    for (id, quantity, outcome) in
        [("C1", 4, "accepted"), ("C2", 2, "refused"), ("C3", 1, "accepted"), ("C4", 1, "refused")]
    {
        assert_eq!(api.post("/v1/sales/returns", &back(id, quantity)).await.status, 201);
        let payload: Value = sqlx::query_scalar("select payload from events where aggregate_id = $1")
            .bind(id)
            .fetch_one(&pool)
            .await
            .unwrap();
        let found = &payload["recorded"]["lines"][0]["outcome"];
        assert!(found == outcome || found.get(outcome).is_some(), "{id}: {found}");
    }
    let by_receipt = json!({ "refund": "R", "lines": [{ "sku": "MUG", "quantity": 1 }] });
    let refused = api.post("/v1/sales/1/refund", &by_receipt).await;
    assert_eq!(
        refused.code(),
        "sales.return_exceeds_bought",
        "what came back without receipt does not come back with one"
    );
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_bulk_request_runs_its_lines_in_order_and_goes_on_after_a_bad_one(pool: PgPool) {
    let api = Api::start(&pool);
    let mut lines = String::new();
    lines.push_str(r#"{"path":"/v1/catalog/products","body":{"sku":"A","name":"a","price":"1","currency":"GBP"}}"#);
    for price in 2..50 {
        write!(lines, "\n{{\"path\":\"/v1/catalog/products/A/reprice\",\"body\":{{\"price\":\"{price}\"}}}}").unwrap();
    }
    lines.push_str("\nnot json\n{\"path\":\"/v1/commands\",\"body\":{}}\n{\"path\":\"/v1/catalog/products/A/discontinue\",\"body\":{}}\n");
    let answer = api.raw("/v1/commands", "application/x-ndjson", &lines).await;
    let answers: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect::<Vec<_>>(),
        (1..=52).collect::<Vec<_>>()
    );
    let statuses: Vec<_> = answers.iter().map(|answer| answer["status"].as_u64().unwrap()).collect();
    assert_eq!((statuses[0], &statuses[49..]), (201, &[400, 404, 200][..]));
    assert!(statuses[1..49].iter().all(|status| *status == 200));
    let last: Value = sqlx::query_scalar(
        "select payload from events where event_type = 'catalog.product_repriced' order by position desc limit 1",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(last["repriced"]["price"], "49", "the last one sent is the last one decided");
}
