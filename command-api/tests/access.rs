//! The access table, whole.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod api;

use api::Api;
use serde_json::Value;
use sqlx::PgPool;

fn rules() -> impl Iterator<Item = domain::access::Rule> {
    domain::ACCESS.iter().flat_map(|part| part.iter().copied()).filter(|(method, _, _)| *method == "POST")
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_role_may_use_a_route_exactly_if_the_table_says_so(pool: PgPool) {
    let api = Api::start(&pool);
    for (method, route, roles) in rules() {
        let path = route.replace(['{', '}'], "");
        for role in domain::access::ROLES {
            let status = api.send_as(role, method, &path, &[], Some("{".to_owned())).await.status;
            // Whoever gets past the gate is told that the body is wrong.
            let expected = if roles.contains(role) { if route == "/v1/commands" { 415 } else { 400 } } else { 403 };
            assert_eq!(status, expected, "{role} {method} {route}");
        }
        assert_eq!(api.send_as("nobody", method, &path, &[], Some("{".to_owned())).await.status, 401, "{route}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn every_route_is_in_the_table_and_in_the_description(pool: PgPool) {
    let api = Api::start(&pool);
    let document = api.send("GET", "/openapi.json", &[], None).await;
    assert_eq!(document.body["openapi"], "3.1.0");
    assert_eq!(document.body["components"]["securitySchemes"]["api_key"]["scheme"], "bearer");
    let paths = document.body["paths"].as_object().unwrap();
    let mut described: Vec<_> =
        paths.iter().flat_map(|(path, item)| methods(item).map(move |method| (method, path.clone()))).collect();
    let mut listed: Vec<_> = rules().map(|(method, route, _)| (method.to_owned(), route.to_owned())).collect();
    described.sort();
    listed.sort();
    assert_eq!(described, listed);
}

fn methods(item: &Value) -> impl Iterator<Item = String> {
    item.as_object().unwrap().keys().filter(|key| *key != "parameters").map(|method| method.to_uppercase())
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn every_command_tells_clients_its_path_and_its_body(pool: PgPool) {
    let document = Api::start(&pool).send("GET", "/openapi.json", &[], None).await.body;
    let known = |schema: &Value| {
        let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not described");
    };
    for (_, route, _) in rules().filter(|(_, route, _)| *route != "/v1/commands") {
        let operation = &document["paths"][route]["post"];
        assert!(operation["summary"].as_str().is_some_and(|summary| summary.len() > 5), "{route}");
        let parameters =
            operation["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["in"] == "path");
        let names: Vec<_> =
            parameters.map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap())).collect();
        assert_eq!(names, route.split('/').filter(|part| part.starts_with('{')).collect::<Vec<_>>(), "{route}");
        known(&operation["requestBody"]["content"]["application/json"]["schema"]);
        let answer = operation["responses"].get("200").or_else(|| operation["responses"].get("201")).unwrap();
        known(&answer["content"]["application/json"]["schema"]);
    }
}
