//! What is acknowledged can be applied by every reader: each field of each command, and each part of each path, takes hostile values, and
//! then every read model is folded over what was let in.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod api;

use api::{Api, sale};
use event_store::{FeedSource, Upcasters};
use projector::rebuild::RebuildSettings;
use serde_json::{Map, Value, json};
use sqlx::PgPool;

/// Texts that some reader somewhere cannot keep, print, add up or find again.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "", " ", "a\0b", "\u{0}", "a\nb", "\u{7F}", "\u{85}", "a\u{200B}b", "\u{202E}gpj.exe", "\u{FEFF}x", "\u{FFFF}", "\u{2028}",
    "e\u{301}", "\u{E000}", "\u{10FFFF}", "👩‍🚒", ".", "..", "a/b", "%00", "%2F", "returns", "'; drop table events; --", "{{7*7}}",
    "NaN", "Infinity", "1e400", "1e3", "1_000", "+1", "-0", "-1", "0.0000000001", "1,5", " 1", "0x10", "٣", "-4713-01-01T00:00:00Z",
    "0000-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z", "+262142-12-31T23:59:59Z",
    "0001-01-01T00:00:00+01:00", "2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
];

/// The same, and other values like them.
fn hostile() -> Vec<Value> {
    let mut values: Vec<Value> = TEXTS.iter().copied().map(Value::from).collect();
    values.extend(["x", "é", "9", "日"].map(|letter| Value::from(letter.repeat(3000))));
    values.push("x".repeat(70_000).into());
    values.extend(
        ["9".repeat(28), "9".repeat(29), format!("0.{}", "9".repeat(28)), "1000000000000".to_owned()].map(Value::from),
    );
    values.extend([
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(0),
        json!(-1),
        json!(1_000_000_000),
        json!(1_000_000_001),
    ]);
    values.extend([
        json!(1.5),
        json!(1e300),
        json!(true),
        json!(null),
        json!([]),
        json!({}),
        json!([[]]),
        json!(["a"]),
        json!({ "a": 1 }),
    ]);
    values
}

/// A body that a route takes, as its description tells.
fn example(document: &Value, schema: &Value, field: &str) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return match name {
            "Key" => json!(if field == "to" { "york" } else { "K1" }),
            "Currency" => json!("GBP"),
            "Price" | "SignedPrice" => json!("1.50"),
            "Timestamp" => json!("2020-01-01T00:00:00Z"),
            "TimeZone" => json!("Europe/London"),
            _ => example(document, &document["components"]["schemas"][name], field),
        };
    }
    if let Some(either) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        return example(document, either.iter().find(|of| of["type"] != "null").unwrap(), field);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match kind {
        "object" => {
            let fields = schema["properties"].as_object().cloned().unwrap_or_default();
            Value::Object(
                fields.iter().map(|(name, of)| (name.clone(), example(document, of, name))).collect::<Map<_, _>>(),
            )
        }
        "array" => json!([example(document, &schema["items"], field)]),
        "integer" => json!(1),
        "boolean" => json!(true),
        _ if schema["format"] == "uuid" => json!("00000000-0000-0000-0000-000000000001"),
        _ => json!("text"),
    }
}

/// Where the leaves of a body are, as JSON pointers; objects and arrays themselves among them.
fn places(body: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                places(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Each route with a body that it takes.
async fn commands(api: &Api) -> Vec<(String, Value)> {
    let document = api.send("GET", "/openapi.json", &[], None).await.body;
    let mut commands = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let schema = &operations["post"]["requestBody"]["content"]["application/json"]["schema"];
        if path != "/v1/commands" {
            assert!(!schema.is_null(), "{path} does not tell its body");
            commands.push((path.clone(), example(&document, schema, "")));
        }
    }
    commands
}

/// The path with what stands in it.
fn filled(path: &str, with: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { with.to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn whatever_is_sent_is_answered_and_whatever_is_accepted_can_be_applied(pool: PgPool) {
    let api = Api::start(&pool);
    let commands = commands(&api).await;
    assert!(commands.len() >= 24);
    // Something to work on: what the paths name is there, and some of what is sent is accepted.
    for (path, body) in &commands {
        api.post(&filled(path, "K1"), body).await;
    }
    let (mut accepted, mut sent) = (0, 0);
    for (path, body) in &commands {
        let mut places_of = Vec::new();
        places(body, "", &mut places_of);
        for place in places_of {
            for value in hostile() {
                let mut sent_body = body.clone();
                *sent_body.pointer_mut(&place).unwrap() = value.clone();
                let answer = api.post(&filled(path, "K1"), &sent_body).await;
                let short: String = value.to_string().chars().take(60).collect();
                assert!(answer.status < 500, "{path} {place} {short}: {} {}", answer.status, answer.text);
                if answer.status == 422 && answer.code() == "invalid" {
                    assert_eq!(answer.body["errors"][0]["pointer"], place, "{path} {place} {short}");
                }
                accepted += usize::from(answer.status < 300);
                sent += 1;
            }
        }
    }
    assert!(accepted > 200 && sent > 5000, "{accepted} of {sent}: some of it is quite all right");
    all_read_models_stand_at_the_head(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_path_names_what_a_client_can_address(pool: PgPool) {
    let api = Api::start(&pool);
    for (path, body) in commands(&api).await.into_iter().filter(|(path, _)| path.contains('{')) {
        for value in hostile() {
            let Some(text) = value.as_str().filter(|text| text.len() < 10_000 && !text.is_empty()) else { continue };
            let answer = api.post(&filled(&path, &urlencoding::encode(text)), &body).await;
            assert!(answer.status < 500, "{path} {text:?}: {} {}", answer.status, answer.text);
        }
        for invisible in ["a%00b", "a%E2%80%8Bb", "%C0%80", "%FF", "%2E%2E", "%20"] {
            let answer = api.post(&filled(&path, invisible), &body).await;
            assert!((400..500).contains(&answer.status), "{path} {invisible}: {}", answer.status);
        }
    }
    all_read_models_stand_at_the_head(&pool).await;
}

async fn all_read_models_stand_at_the_head(pool: &PgPool) {
    let upcasters = Upcasters::new(domain::upcasters());
    let source = FeedSource { pool: pool.clone(), nats: None, stream: "NONE".to_owned(), upcasters };
    let head = event_store::log::head(pool).await.unwrap().position;
    for projection in projector::PROJECTIONS {
        let built = projection.rebuild(&source, &RebuildSettings::default(), &|_| ()).await;
        assert_eq!(built.unwrap().position, head, "{}", projection.name());
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn an_array_is_no_object_at_any_depth(pool: PgPool) {
    let api = Api::start(&pool);
    let with_lines = |lines: Value| {
        let mut body = sale("1", 1);
        body["lines"] = lines;
        body
    };
    for (path, body, pointer) in [
        ("/v1/catalog/products", json!(["A", "a", "1", "GBP", null]), ""),
        ("/v1/sales", with_lines(json!([["MUG", "", 1, "1.00"]])), "/lines/0"),
        (
            "/v1/sales",
            with_lines(json!([{ "sku": "MUG", "quantity": 1, "unit_price": "1", "extra": 1 }])),
            "/lines/0/extra",
        ),
    ] {
        let answer = api.post(path, &body).await;
        assert_eq!((answer.status, answer.code()), (400, "malformed"), "{path} {}", answer.text);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{}", answer.text);
    }
    let twice = r#"{"sku":"A","sku":"B","name":"a","price":"1","currency":"GBP"}"#;
    assert_eq!(api.raw("/v1/catalog/products", "application/json", twice).await.status, 400);
    assert_eq!(api.events().await, 0);
}

/// A word of a route that stands where a key may stand would hide what has that key.
#[test]
fn the_words_of_routes_are_no_keys() {
    let routes: Vec<Vec<&str>> =
        domain::ACCESS.iter().flat_map(|part| part.iter()).map(|(_, route, _)| route.split('/').collect()).collect();
    let mut words: Vec<&str> = Vec::new();
    for route in &routes {
        for other in &routes {
            let Some(at) = route.iter().zip(other).position(|(word, slot)| word != slot) else { continue };
            if let (Some(word), Some(slot)) = (route.get(at), other.get(at))
                && slot.starts_with('{')
                && !word.starts_with('{')
            {
                words.push(word);
            }
        }
    }
    words.sort_unstable();
    words.dedup();
    assert_eq!(words, domain::values::text::RESERVED);
}
