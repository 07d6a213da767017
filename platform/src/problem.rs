//! Errors as RFC 9457 problem documents.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// An answer that says what is wrong and what to do.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    errors: Vec<FieldError>,
    extensions: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What is wrong with one part of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer into the body, or the name of a parameter.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// The document as clients see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A page that explains the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// Which parts of the request are to blame.
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with a status, a stable code and a sentence.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            extensions: Map::new(),
            headers: Vec::new(),
        }
    }

    /// 400: the request cannot be understood.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 404: there is nothing of that name.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 503: try again after so many seconds.
    pub fn unavailable(code: &'static str, detail: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 500, or 503 where the database is to blame. The cause is logged here, once, and not told to the client.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        if let Some(problem) = Self::unanswerable(cause) {
            return problem;
        }
        let links = || std::iter::successors(Some(cause), |link| link.source());
        let chain: Vec<String> = links().map(ToString::to_string).collect();
        let unreachable = links().any(is_connection_trouble);
        tracing::error!(error = chain.join(": "), "request failed");
        if unreachable {
            return Self::unavailable("database-unreachable", "the database cannot be reached just now; try again", 1);
        }
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong on our side; it has been logged")
    }

    /// 422, where the database refused what it was asked for its content: a value out of its range, a text that it cannot hold, a document
    /// that is too large for it, one that breaks a constraint (classes 22, 23 and 54). Sending it again would change nothing, and the
    /// database is not to blame. Its own sentence repeats values: neither client nor log gets it.
    pub fn unanswerable(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let refused = std::iter::successors(Some(cause), |link| link.source()).find_map(content_error)?;
        let code = refused.code().unwrap_or_default();
        let constraint = refused.constraint();
        tracing::warn!(sqlstate = %code, constraint, "the database refused what a request holds");
        let detail = match code.get(..2) {
            Some("22") => "a value in the request is out of the range that can be stored or compared",
            Some("54") => "a value in the request is larger than can be stored or compared",
            _ => "what the request would store breaks a rule of the store",
        };
        Some(Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-storable", detail))
    }

    /// Names a part of the request that is to blame.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.errors.push(FieldError { pointer: pointer.into(), detail: self.detail.clone() });
        self
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

fn content_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a dyn sqlx::error::DatabaseError> {
    let Some(sqlx::Error::Database(error)) = error.downcast_ref::<sqlx::Error>() else { return None };
    let code = error.code()?;
    ["22", "23", "54"].contains(&code.get(..2)?).then_some(&**error)
}

fn is_connection_trouble(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)) => true,
        // Class 57 is operator intervention (shutdown, starting up); 08 is connection trouble.
        Some(sqlx::Error::Database(error)) => {
            error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
        }
        _ => false,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut document = self.extensions;
        document.insert("type".to_owned(), format!("/problems/{}", self.code).into());
        document.insert("title".to_owned(), self.status.canonical_reason().unwrap_or("Error").into());
        document.insert("status".to_owned(), self.status.as_u16().into());
        document.insert("code".to_owned(), self.code.into());
        document.insert("detail".to_owned(), self.detail.into());
        if !self.errors.is_empty() {
            document.insert("errors".to_owned(), json!(self.errors));
        }
        let mut response = (self.status, Body::from(Value::Object(document).to_string())).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().extend(self.headers);
        response
    }
}

/// What a problem's `type` page says about a code; none for what cannot be one.
#[must_use]
pub fn page(code: &str) -> Option<String> {
    let is_one = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if code.len() > 64 || !code.bytes().all(is_one) {
        return None;
    }
    let meaning = match code {
        "malformed" => "The request could not be read. The detail says where; correct the request and send it again.",
        "invalid" => "A value breaks the rule of its field. `errors` says which, and the detail what it must be.",
        "unauthenticated" => "Send an API key: `Authorization: Bearer <key>`.",
        "forbidden" => "Your roles do not allow this route. Ask an administrator.",
        "not-found" => "There is nothing at this address. Check the path and the id.",
        "method-not-allowed" => "The route exists, but not for this method. The `Allow` header lists those it has.",
        "too-large" => "The body, or an event made of it, is too large. Split the request.",
        "body-timeout" => {
            "The rest of the body did not come in time. What was answered before is done; send the rest again."
        }
        "unsupported-media-type" => {
            "Send `Content-Type: application/json`, or `application/x-ndjson` for bulk commands."
        }
        "stale" => "Somebody else changed the stream first. Read it again and decide again.",
        "precondition-failed" => {
            "The stream does not stand at the sequence in `If-Match`; `current` says where it stands."
        }
        "idempotency-key-reused" => {
            "This Idempotency-Key was used for another request. Use a new key for a new command."
        }
        "overloaded" => "Too much is waiting. Nothing was done. Try again after the time in `Retry-After`.",
        "log-stalled" => {
            "The log takes nothing at the moment. Nothing was done. Try again after the time in `Retry-After`."
        }
        "log-unavailable" => "The log cannot be reached. Nothing was done. Try again after the time in `Retry-After`.",
        "outcome-unknown" => {
            "The log has not answered yet. The command may still be done: send it again under the same Idempotency-Key."
        }
        "projection-behind" => {
            "The read model has not reached `required` yet; it stands at `current`. Ask again, or send `Prefer: wait=5`."
        }
        "timeout" => {
            "No answer in time. A command may have had its effect: send it again under the same Idempotency-Key."
        }
        "database-unreachable" => {
            "The database cannot be reached. Try again; under the same Idempotency-Key nothing happens twice."
        }
        "not-storable" => {
            "The store cannot hold or compare a value of the request. Correct it; sending it again changes nothing."
        }
        "internal" => "A fault on our side, which has been logged.",
        _ => "The business refuses this command. The detail says which rule it breaks.",
    };
    Some(format!("{code}\n\n{meaning}\n"))
}
