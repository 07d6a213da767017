//! What is sold, where, and what is given back for it.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod api;

use api::Api;
use serde_json::{Value, json};
use sqlx::PgPool;

fn document(id: &str, store: &str, currency: &str, lines: &[(&str, i64, &str)]) -> Value {
    let line =
        |(sku, quantity, price): &(&str, i64, &str)| json!({ "sku": sku, "quantity": quantity, "unit_price": price });
    json!({ "id": id, "store": store, "customer": "ada", "country": "UK", "currency": currency,
        "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

/// A complete sale to Ada.
fn sale(id: &str, store: &str, currency: &str, lines: &[(&str, i64, &str)]) -> Value {
    let mut sale = document(id, store, currency, lines);
    sale["complete"] = true.into();
    sale
}

async fn open(api: &Api, store: &str) {
    let store = json!({ "id": store, "name": "A store", "country": "UK", "currency": "GBP" });
    assert_eq!(api.post("/v1/catalog/stores", &store).await.status, 201);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_refund_names_its_line_where_prices_differ_and_tells_what_is_given_back(pool: PgPool) {
    let api = Api::start(&pool);
    api.post("/v1/sales", &sale("1", "s", "GBP", &[("MUG", 1, "10.00"), ("MUG", 1, "5.00")])).await;
    let line = |line: Value| json!({ "lines": [line] });
    let ambiguous = api.post("/v1/sales/1/refund", &line(json!({ "sku": "MUG", "quantity": 1 }))).await;
    assert_eq!((ambiguous.status, ambiguous.code()), (422, "sales.refund_ambiguous"));
    assert_eq!(ambiguous.body["errors"][0]["pointer"], "/lines/0/line_no");
    let body = line(json!({ "line_no": 2, "quantity": 1 }));
    let key = [("idempotency-key", "k")];
    let made = api.send("POST", "/v1/sales/1/refund", &key, Some(&body)).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert!(made.body["refund"].as_str().is_some_and(|number| number.len() == 36), "{}", made.text);
    assert_eq!((&made.body["amount"], &made.body["currency"]), (&json!("5.00"), &json!("GBP")));
    assert_eq!(made.body["lines"], json!([{ "sku": "MUG", "line_no": 2, "quantity": 1, "amount": "5.00" }]));
    let again = api.send("POST", "/v1/sales/1/refund", &key, Some(&body)).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &made.body), "the same number, too");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_return_without_receipt_gives_back_no_more_than_was_paid_in_its_currency(pool: PgPool) {
    let api = Api::start(&pool);
    api.post("/v1/sales", &sale("1", "s", "GBP", &[("MUG", 2, "4.50"), ("PEN", 1, "1.00")])).await;
    let claims = [("MUG", 1, "9.01"), ("MUG", 1, "9.00"), ("MUG", 1, "0.01"), ("PEN", 1, "1.00")];
    let claimed = document("C1", "s", "GBP", &claims);
    let key = [("idempotency-key", "k")];
    let judged = api.send("POST", "/v1/sales/returns", &key, Some(&claimed)).await;
    assert_eq!(judged.status, 201, "{}", judged.text);
    assert_eq!(judged.body["accepted_amount"], "10.00");
    let told = |answer: &Value, name: &str| {
        answer["lines"].as_array().unwrap().iter().map(|line| line[name].clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(&judged.body, "outcome"), ["refused", "accepted", "refused", "accepted"]);
    assert_eq!(told(&judged.body, "paid")[..3], [json!("9.00"), Value::Null, json!("0.00")]);
    assert_eq!(judged.body["lines"][0]["reason"], "exceeds_paid");
    let again = api.send("POST", "/v1/sales/returns", &key, Some(&claimed)).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &judged.body));
    let euros = api.post("/v1/sales/returns", &document("C2", "s", "EUR", &[("MUG", 1, "0.01")])).await;
    assert_eq!(euros.body["lines"][0]["reason"], "never_sold", "in this currency");
    let by_receipt = json!({ "lines": [{ "sku": "MUG", "quantity": 1 }] });
    let refused = api.post("/v1/sales/1/refund", &by_receipt).await;
    assert_eq!((refused.status, refused.code()), (422, "sales.return_exceeds_paid"), "9.00 of 9.00 are given back");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_store_sells_when_it_is_known_and_open_and_in_its_currency(pool: PgPool) {
    let api = Api::with_known_stores(&pool);
    open(&api, "leeds").await;
    let mug = [("MUG", 1, "4.50")];
    for (kind, more) in [("", ""), ("/returns", ""), ("/bad-debts", "")] {
        let path = format!("/v1/sales{kind}{more}");
        let unknown = api.post(&path, &document("1", "york", "GBP", &mug)).await;
        assert_eq!((unknown.status, unknown.code()), (422, "sales.store_unknown"), "{path}");
        assert_eq!(unknown.body["errors"][0]["pointer"], "/store");
        let currency = api.post(&path, &document("1", "leeds", "EUR", &mug)).await;
        assert_eq!((currency.status, currency.code()), (422, "sales.store_currency"), "{path}");
        assert_eq!(currency.body["errors"][0]["pointer"], "/currency");
        assert_eq!(api.post(&path, &document("1", "leeds", "GBP", &mug)).await.status, 201, "{path}");
    }
    let key = [("idempotency-key", "k")];
    let sold = sale("2", "leeds", "GBP", &mug);
    assert_eq!(api.send("POST", "/v1/sales", &key, Some(&sold)).await.status, 201);
    assert_eq!(api.post("/v1/catalog/stores/leeds/close", &json!({})).await.status, 200);
    let closed = api.post("/v1/sales", &sale("3", "leeds", "GBP", &mug)).await;
    assert_eq!((closed.status, closed.code()), (409, "sales.store_closed"));
    let more = json!({ "lines": [{ "sku": "MUG", "quantity": 1, "unit_price": "4.50" }] });
    assert_eq!(api.post("/v1/sales/1/add-lines", &more).await.code(), "sales.store_closed");
    let again = api.send("POST", "/v1/sales", &key, Some(&sold)).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "it was sold in time");
    assert_eq!(api.post("/v1/sales/returns", &document("C3", "leeds", "GBP", &mug)).await.status, 201, "by post");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn stock_is_sent_to_stores_that_are_known_and_open(pool: PgPool) {
    let api = Api::with_known_stores(&pool);
    for store in ["leeds", "york", "bath"] {
        open(&api, store).await;
    }
    assert_eq!(api.post("/v1/inventory/leeds/MUG/receive", &json!({ "quantity": 5 })).await.status, 200);
    assert_eq!(api.post("/v1/catalog/stores/bath/close", &json!({})).await.status, 200);
    let to = |store: &str| json!({ "sku": "MUG", "from": "leeds", "to": store, "quantity": 1 });
    let unknown = api.post("/v1/inventory/transfers", &to("yrok")).await;
    assert_eq!((unknown.status, unknown.code()), (422, "inventory.store_unknown"));
    assert_eq!(unknown.body["errors"][0]["pointer"], "/to");
    let closed = api.post("/v1/inventory/transfers", &to("bath")).await;
    assert_eq!((closed.status, closed.code()), (409, "inventory.store_closed"));
    assert_eq!(api.post("/v1/inventory/transfers", &to("york")).await.status, 200);
}
