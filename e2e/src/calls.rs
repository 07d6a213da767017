//! Calls of an API's router, without a socket.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::keys;

/// What a router answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON, `null` if it is none.
    pub body: Value,
}

impl Answer {
    /// A header's text, '' if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The code of a problem document.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A keys file with a key for each role; the key is the role's name.
#[must_use]
pub fn key_of_each(roles: &[&str]) -> String {
    let keys: Vec<Value> =
        roles.iter().map(|role| json!({ "name": role, "sha256": keys::digest(role), "roles": [role] })).collect();
    Value::from(keys).to_string()
}

/// Sends a request under an API key. A body is JSON unless a header says otherwise.
///
/// # Errors
/// When the request is none, or its answer is not text.
pub async fn call(
    router: &Router,
    key: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: Option<String>,
) -> anyhow::Result<Answer> {
    let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
    if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::from(body.unwrap_or_default()))?).await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = String::from_utf8(to_bytes(response.into_body(), usize::MAX).await?.to_vec())?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, headers, text, body })
}
