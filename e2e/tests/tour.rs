//! The main path once, through real processes.

use e2e::system::{KEY, System};
use serde_json::json;

#[tokio::test]
async fn a_sale_posted_over_http_is_in_the_log_on_the_stream_in_a_read_model_and_rebuilt_from_scratch() {
    let system = System::start().await.unwrap();
    let sale = json!({ "id": "1001", "store": "high-street", "customer": "ada", "country": "United Kingdom", "currency": "GBP",
        "complete": true, "lines": [{ "sku": "MUG", "description": "Mug", "quantity": 3, "unit_price": "4.50" }] });
    let early = system.post("/v1/sales", Some("sale-1001"), &sale).await.unwrap();
    assert_eq!((early.status, &early.body["code"]), (422, &json!("sales.store_unknown")), "{early:?}");
    let store = json!({ "id": "high-street", "name": "High Street", "country": "United Kingdom", "currency": "GBP" });
    assert_eq!(system.post("/v1/catalog/stores", None, &store).await.unwrap().status, 201);
    let sold = system.post("/v1/sales", Some("sale-1001"), &sale).await.unwrap();
    assert_eq!(sold.status, 201, "{sold:?}");
    let position = sold.body["position"].as_i64().unwrap();

    let again = system.post("/v1/sales", Some("sale-1001"), &sale).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.body, sold.body, "a command sent twice has one answer");

    let read = system.get_at_least("/v1/sales/1001", position).await.unwrap();
    assert_eq!(read.status, 200, "{read:?}");
    assert_eq!(read.body["gross"], "13.50", "{read:?}");

    let refund = json!({ "refund": "R1", "lines": [{ "sku": "MUG", "quantity": 2, "reason": "chipped" }] });
    assert_eq!(system.post("/v1/sales/1001/refund", None, &refund).await.unwrap().status, 200);
    let too_much = json!({ "refund": "R2", "lines": [{ "sku": "MUG", "quantity": 2 }] });
    let refused = system.post("/v1/sales/1001/refund", None, &too_much).await.unwrap();
    assert_eq!(refused.status, 422, "{refused:?}");

    system.settled().await.unwrap();
    let live = system.read_models().await.unwrap();
    let rebuilt = system.replay_tool(&["rebuild", "--all"]).await.unwrap();
    assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    assert_eq!(system.read_models().await.unwrap(), live, "a rebuilt read model is the live one, row by row");

    let verified = system.replay_tool(&["verify"]).await.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));

    let secrets = "select count(*) from events e where position(lower($1) in lower(e::text)) > 0";
    for secret in [KEY, &e2e::keys::digest(KEY)] {
        let found: i64 =
            sqlx::query_scalar(secrets).bind(secret).fetch_one(&system.database().await.unwrap()).await.unwrap();
        assert_eq!(found, 0, "a key is in the log");
    }

    let code = async |arguments: &[&str]| system.replay_tool(arguments).await.unwrap().status.code();
    assert_eq!(code(&["rebuild", "weather"]).await, Some(2), "there is no such projection");
    sqlx::query("update projection.checkpoints set position = position + 100 where name = 'sales'")
        .execute(&system.database().await.unwrap())
        .await
        .unwrap();
    assert_eq!(code(&["verify"]).await, Some(3), "a checkpoint after the end of the log");
    system.postgres.kill().await.unwrap();
    assert_eq!(code(&["status"]).await, Some(69), "there is no database");
}
