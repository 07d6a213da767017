//! axum's extractors, with problem documents where axum would answer plain text.

use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::Problem;
use crate::objects::Objects;

/// Parts of the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

/// The query string. Parameters that the route does not know are refused if the type denies unknown fields.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Path::from_request_parts(parts, state).await;
        found
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection: PathRejection| parameter(&rejection.body_text()))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Query::from_request_parts(parts, state).await;
        found
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection: QueryRejection| parameter(&rejection.body_text()))
    }
}

/// A part of the path or the query string, and why it is refused.
fn parameter(reason: &str) -> Problem {
    match reason.split_once(RULE) {
        Some((_, rule)) => {
            let detail = format!("a part of the path or the query string breaks a rule: it {RULE}{rule}");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
        }
        None => Problem::malformed(reason),
    }
}

/// The whole body, up to the service's limit.
///
/// # Errors
/// 413 when it is larger, 400 when it breaks off.
pub async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection: BytesRejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is larger than this service takes")
        }
        _ => Problem::malformed(format!("the body could not be read: {}", rejection.body_text())),
    })
}

/// # Errors
/// 415 when the body is not said to be of that type.
pub fn require_content_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = said.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        format!("send `Content-Type: {wanted}`, not {essence:?}"),
    ))
}

/// Parses a JSON body.
///
/// # Errors
/// 400 where it is no JSON, or has fields, types or arrays that the route does not take; 422 where a value breaks the rule of its field.
/// Either says where.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut text = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut text, &mut track);
    let value = T::deserialize(Objects(tracked));
    let value = value.map_err(|error| refused(&pointer(&track.path()), &error.to_string()))?;
    text.end().map_err(|error| Problem::malformed(format!("the body goes on after its end: {error}")))?;
    Ok(value)
}

/// With what a type begins its refusal of a value that breaks a rule, to tell it from one that cannot be read at all.
const RULE: &str = "must be ";

/// A value that a client gave, and why it is refused.
fn refused(pointer: &str, reason: &str) -> Problem {
    // serde_json says where by line and column, too.
    let rule = reason.split(" at line ").next().unwrap_or(reason);
    let problem = if rule.starts_with(RULE) {
        let field = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or("the value");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("{field} {rule}"))
    } else {
        Problem::malformed(format!("the body is not what this route takes: {reason}"))
    };
    problem.at(pointer)
}

/// As in RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let parts = path.iter().map(|segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { variant } => format!("/{variant}"),
        Segment::Unknown => String::new(),
    });
    parts.collect()
}
