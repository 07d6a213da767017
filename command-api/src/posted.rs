//! What comes in with a command, read once for all routes.

use std::sync::Arc;

use axum::extract::{FromRequest, MatchedPath, Request};
use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};
use domain::values::Timestamp;
use event_store::{Expected, Idempotency, Metadata};
use platform::identity::Principal;
use platform::trace::Trace;
use platform::{Problem, clock, extract};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use uuid::Uuid;

/// Longest Idempotency-Key.
const MAX_KEY: usize = 255;

/// A command's body, and what came with it.
pub(crate) struct Posted<T> {
    pub(crate) body: T,
    pub(crate) request: event_store::Request,
}

/// Told when the commands after this one may be decided.
#[derive(Clone)]
pub(crate) struct Enqueued(pub(crate) Arc<Notify>);

impl<T> Posted<T> {
    /// The time that the client gave, or that of the request.
    pub(crate) fn at(&self, given: Option<Timestamp>) -> DateTime<Utc> {
        given.map_or(self.request.now, Into::into)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let head = Head::of(&request)?;
        let body = extract::body(request, state).await?;
        Ok(Self { request: head.request(&body), body: extract::json(&body)? })
    }
}

/// All of a request but its body.
struct Head {
    principal: Arc<Principal>,
    /// Method, path and `If-Match`, as the fingerprint takes them.
    identity: String,
    command: String,
    key: Option<String>,
    expected: Option<Expected>,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    traceparent: Option<String>,
    enqueued: Option<Arc<Notify>>,
}

impl Head {
    fn of(request: &Request) -> Result<Self, Problem> {
        let headers = request.headers();
        extract::require_content_type(headers, "application/json")?;
        let extensions = request.extensions();
        let principal =
            extensions.get::<Arc<Principal>>().cloned().ok_or_else(|| Problem::malformed("nobody is asking"))?;
        let if_match = text(headers, header::IF_MATCH.as_str())?;
        let expected = if_match.map(expected).transpose()?;
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        Ok(Self {
            principal,
            identity: format!("{} {path}\n{}\n", request.method(), if_match.unwrap_or_default()),
            command: extensions.get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned()),
            key: text(headers, "idempotency-key")?.map(idempotency_key).transpose()?,
            expected,
            correlation_id: id(headers, "x-correlation-id")?.unwrap_or_else(clock::new_id),
            causation_id: id(headers, "x-causation-id")?,
            traceparent: extensions.get::<Trace>().map(Trace::parent),
            enqueued: extensions.get::<Enqueued>().map(|enqueued| Arc::clone(&enqueued.0)),
        })
    }

    fn request(self, body: &[u8]) -> event_store::Request {
        let fingerprint = |principal: &str| {
            Sha256::new()
                .chain_update(&self.identity)
                .chain_update(principal)
                .chain_update([0])
                .chain_update(body)
                .finalize()
                .into()
        };
        event_store::Request {
            now: clock::now(),
            idempotency: self.key.map(|key| Idempotency {
                principal: self.principal.name.clone(),
                key,
                fingerprint: fingerprint(&self.principal.name),
            }),
            expected: self.expected,
            enqueued: self.enqueued,
            metadata: Metadata {
                correlation_id: self.correlation_id,
                causation_id: self.causation_id,
                actor: self.principal.name.clone(),
                actor_kind: self.principal.kind.to_owned(),
                command: self.command,
                traceparent: self.traceparent,
            },
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str());
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text.trim())),
        (Some(_), _) => {
            Err(Problem::malformed(format!("the header {name} must be there once, and be plain text")).at(name))
        }
    }
}

fn id(headers: &HeaderMap, name: &str) -> Result<Option<Uuid>, Problem> {
    let Some(value) = text(headers, name)? else { return Ok(None) };
    Uuid::parse_str(value)
        .map(Some)
        .map_err(|_| Problem::malformed(format!("the header {name} must be a UUID")).at(name))
}

/// A structured-field string in quotes, or the bare key.
fn idempotency_key(value: &str) -> Result<String, Problem> {
    let key = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let printable = key.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if key.is_empty() || key.len() > MAX_KEY || !printable {
        return Err(Problem::malformed(format!("an Idempotency-Key is 1 to {MAX_KEY} printable ASCII characters"))
            .at("Idempotency-Key"));
    }
    Ok(key.to_owned())
}

/// `*`, or one or more strong tags (RFC 9110).
fn expected(value: &str) -> Result<Expected, Problem> {
    if value == "*" {
        return Ok(Expected::Exists);
    }
    let sequence = |tag: &str| {
        let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
        digits.parse().ok().filter(|sequence: &i64| *sequence >= 0)
    };
    value.split(',').map(sequence).collect::<Option<Vec<_>>>().map(Expected::OneOf).ok_or_else(|| {
        let detail = "If-Match takes `*`, or strong ETags, each a stream's sequence in quotes: \"3\"";
        Problem::malformed(detail).at("If-Match")
    })
}
