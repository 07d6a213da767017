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
    assert_eq!(first.header("log-position"), head.to_string());
    for tag in [first.header("etag"), "*", "W/\"2\"", "\"9\", \"2\""] {
        let again = api.get_with("/v1/sales/S1", &[("if-none-match", tag)]).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{tag}");
    }
    let other = api.get_with("/v1/sales/S1", &[("if-none-match", "\"1\"")]).await;
    assert_eq!(other.status, 200);
    let list = api.get("/v1/sales").await;
    assert_eq!(list.header("etag"), format!("\"{head}\""), "a list's tag is the position");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_documents_tag_is_its_streams_sequence_for_the_next_commands_if_match(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    for (path, stream) in [
        ("/v1/sales/S1", ("sale", "S1")),
        ("/v1/sales/returns/C1", ("return", "C1")),
        ("/v1/catalog/products/MUG", ("product", "MUG")),
        ("/v1/inventory/leeds/MUG", ("stock_item", "leeds/MUG")),
    ] {
        let sequence: i64 =
            sqlx::query_scalar("select max(sequence) from events where aggregate_type = $1 and aggregate_id = $2")
                .bind(stream.0)
                .bind(stream.1)
                .fetch_one(&pool)
                .await
                .unwrap();
        let answer = api.get(path).await;
        assert_eq!(answer.header("etag"), format!("\"{sequence}\""), "{path}");
        assert_eq!(answer.body["sequence"], sequence, "{path}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_is_not_there_says_as_of_when_and_a_position_that_never_was_is_no_delay(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let head: i64 = sqlx::query_scalar("select position from log_head").fetch_one(&pool).await.unwrap();
    for path in ["/v1/sales/none", "/v1/catalog/products/none", "/v1/sales/returns/none", "/v1/inventory/a/b"] {
        let answer = api.get(path).await;
        assert_eq!((answer.status, answer.header("log-position")), (404, &*head.to_string()), "{path}");
    }
    let beyond = api.get(&format!("/v1/sales/S1?at_least={}", head + 1)).await;
    assert_eq!((beyond.status, beyond.code(), &beyond.body["head"]), (422, "position-beyond-head", &Value::from(head)));
    assert_eq!(beyond.header("retry-after"), "");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_model_that_has_stopped_says_so_and_one_that_is_not_of_this_log_is_not_shown(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let stop = async |at: Option<i64>| {
        sqlx::query("update projection.checkpoints set status = 'stopped', stopped_at_position = $1, error = 'x' where name = 'catalog'")
            .bind(at)
            .execute(&pool)
            .await
            .unwrap();
    };
    let position = api.add("NEW", "Brand new", "kitchen").await;
    stop(Some(position)).await;
    assert_eq!(api.get("/v1/catalog/products/MUG").await.status, 200, "what it knows can be read");
    let never = api.get(&format!("/v1/catalog/products/NEW?at_least={position}")).await;
    assert_eq!((never.status, never.code(), never.header("retry-after")), (503, "projection-stopped", ""));
    stop(None).await;
    let lost = api.get("/v1/catalog/products/MUG").await;
    assert_eq!((lost.status, lost.code()), (503, "projection-stopped"));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_cursor_is_of_its_own_list_order_and_filters(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let cursor = async |path: &str| api.get(path).await.body["next"].as_str().unwrap().to_owned();
    let by_gross = cursor("/v1/sales?order=-gross&limit=2").await;
    let same = api.get(&format!("/v1/sales?limit=3&cursor={by_gross}&order=-gross")).await;
    assert_eq!(same.status, 200, "more of the same list, in other pages");
    for path in [
        "/v1/sales",
        "/v1/sales?order=-lines",
        "/v1/sales?order=-gross&store=leeds",
        "/v1/sales/refunds",
        "/v1/catalog/products",
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let answer = api.get(&format!("{path}{joint}cursor={by_gross}")).await;
        assert_eq!((answer.status, answer.code()), (400, "malformed"), "{path}");
    }
    for hostile in ["", "x", "00", "%00", &"f".repeat(5000), &format!("{}00", &by_gross[..16]), "..%2f"] {
        let answer = api.get(&format!("/v1/sales?order=-gross&cursor={hostile}")).await;
        assert_eq!(answer.status, 400, "{hostile:.40}");
    }
}

/// Lines are added all the while, each of 1.00: whatever moment an answer is of, its sums are those of its lines.
#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn an_answer_put_together_from_several_tables_is_of_one_moment(pool: PgPool) {
    let api = Api::of_a_shop(&pool).await;
    let writer = tokio::spawn({
        let pool = pool.clone();
        async move {
            for number in 0..400_i64 {
                let mut transaction = pool.begin().await.unwrap();
                for statement in [
                    "update sales.sale set lines = lines + 1, gross = gross + 1, sequence = sequence + 1 where id = 'S1'",
                    "insert into sales.sale_line select 100000 + $1, 0, 'S1', 1000 + $1, 'MUG', '', 1, 1, 1, now()",
                    "update projection.checkpoints set updated_at = now() where name = 'sales'",
                ] {
                    let query = sqlx::query(statement);
                    let query = if statement.contains("$1") { query.bind(number) } else { query };
                    query.execute(&mut *transaction).await.unwrap();
                }
                transaction.commit().await.unwrap();
            }
        }
    });
    let mut reads = 0;
    while !writer.is_finished() {
        let sale = api.get("/v1/sales/S1").await;
        let items = sale.body["items"].as_array().unwrap();
        assert_eq!(sale.body["lines"], items.len(), "after {reads} reads");
        assert_eq!(sale.header("etag"), format!("\"{}\"", sale.body["sequence"]));
        reads += 1;
    }
    writer.await.unwrap();
    assert!(reads > 10, "{reads}");
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
