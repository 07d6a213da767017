//! The access table, whole, and what the service may do in the database.

#[expect(dead_code, reason = "each test binary uses its own part")]
mod api;

use api::Api;
use e2e::calls::call;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

fn rules() -> impl Iterator<Item = domain::access::Rule> {
    domain::ACCESS.iter().flat_map(|part| part.iter().copied()).filter(|(method, _, _)| *method == "GET")
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_role_may_use_a_route_exactly_if_the_table_says_so(pool: PgPool) {
    let api = Api::start(&pool).await;
    for (method, route, roles) in rules() {
        let path = route.replace(['{', '}'], "");
        for role in domain::access::ROLES {
            let status = call(&api.router, role, (method, &path), &[], None).await.unwrap().status;
            // Whoever gets past the gate is told that there is no read model yet.
            assert_eq!(status != 403, roles.contains(role), "{role} {method} {route}: {status}");
        }
        let status = call(&api.router, "nobody", (method, &path), &[], None).await.unwrap().status;
        assert_eq!(status, 401, "{route}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn every_route_is_in_the_table_and_in_the_description(pool: PgPool) {
    let api = Api::start(&pool).await;
    let document = api.get("/openapi.json").await;
    assert_eq!(document.body["openapi"], "3.1.0");
    assert_eq!(document.body["components"]["securitySchemes"]["api_key"]["scheme"], "bearer");
    let mut described: Vec<_> = document.body["paths"].as_object().unwrap().iter().flat_map(methods).collect();
    let mut listed: Vec<_> = rules().map(|(method, route, _)| format!("{method} {route}")).collect();
    described.sort();
    listed.sort();
    assert_eq!(described, listed);
}

fn methods((path, item): (&String, &Value)) -> Vec<String> {
    let methods = item.as_object().into_iter().flat_map(|item| item.keys());
    methods.filter(|key| *key != "parameters").map(|method| format!("{} {path}", method.to_uppercase())).collect()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn the_services_role_can_read_and_nothing_else(pool: PgPool) {
    let _made = Api::of_a_shop(&pool).await;
    let options = (*pool.connect_options()).clone().username("annals_query");
    let role = PgPoolOptions::new().connect_with(options).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema') and tablename <> '_sqlx_migrations'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(tables.len() > 10);
    for table in tables {
        for statement in [format!("delete from {table}"), format!("truncate {table}"), format!("drop table {table}")] {
            assert!(sqlx::query(&statement).execute(&role).await.is_err(), "{statement}");
        }
    }
    let append = sqlx::query("insert into events select * from events limit 1").execute(&role).await;
    assert!(append.is_err());
}
