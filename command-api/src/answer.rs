//! Receipts and refusals become answers here, once, for all contexts.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use domain::{Kind, Refusal};
use event_store::{Error, Receipt};
use platform::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// What every command that succeeds is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The stream that the command was for.
    id: String,
    /// The sequence it now stands at; also the `ETag`.
    sequence: i64,
    /// The position in the log from which on the effect can be read: pass it as `at_least`. Also in `Log-Position`.
    position: i64,
}

/// What a command is answered that decides more than its client asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Told<M> {
    #[serde(flatten)]
    accepted: Accepted,
    /// What was decided.
    #[serde(flatten)]
    more: Option<M>,
}

/// Nothing but the receipt.
#[derive(Debug, Serialize)]
pub(crate) struct Plain {}

/// A receipt on its way to the client, with what was decided where that is more than was asked for.
pub(crate) struct Answer<M = Plain> {
    status: StatusCode,
    location: String,
    receipt: Receipt,
    more: Option<M>,
}

impl Answer {
    /// 201: there is something new at this address of the query API.
    pub(crate) fn created(location: String, receipt: Receipt) -> Self {
        Self { status: StatusCode::CREATED, location, receipt, more: None }
    }

    /// 200: what is at this address of the query API has changed.
    pub(crate) fn done(location: String, receipt: Receipt) -> Self {
        Self { status: StatusCode::OK, location, receipt, more: None }
    }

    /// Tells what was decided.
    pub(crate) fn telling<M>(self, more: Option<M>) -> Answer<M> {
        let Self { status, location, receipt, more: _ } = self;
        Answer { status, location, receipt, more }
    }
}

impl<M: Serialize> IntoResponse for Answer<M> {
    fn into_response(self) -> Response {
        let Self { status, location, receipt, more } = self;
        let accepted = Accepted { id: receipt.aggregate_id, sequence: receipt.sequence, position: receipt.position };
        let told = Told { accepted, more };
        let mut response = (status, Json(&told)).into_response();
        let accepted = told.accepted;
        let headers = response.headers_mut();
        insert(headers, header::ETAG, &format!("\"{}\"", accepted.sequence));
        insert(headers, header::LOCATION, &location);
        insert(headers, HeaderName::from_static("log-position"), &accepted.position.to_string());
        if receipt.replayed {
            headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

fn insert(headers: &mut axum::http::HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// A path of the query API, with what is in it percent-encoded.
pub(crate) fn path<const N: usize>(parts: [&str; N]) -> String {
    parts.iter().flat_map(|part| ["/".into(), urlencoding::encode(part)]).collect()
}

/// The one place where refusals and failures get their status.
pub(crate) fn problem<E: Refusal>(error: Error<E>) -> Problem {
    match error {
        Error::Refused(refusal) => refused(&refusal),
        Error::Conflict { current } => {
            let detail = "somebody else changed the stream first; read it again and retry";
            Problem::new(StatusCode::CONFLICT, "stale", detail).with("current", current)
        }
        Error::PreconditionFailed { current } => {
            let detail = format!("the stream stands at sequence {current}, not at the one in If-Match");
            let etag = HeaderValue::from_str(&format!("\"{current}\"")).unwrap_or(HeaderValue::from_static("\"\""));
            Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", detail)
                .with("current", current)
                .header(header::ETAG, etag)
        }
        Error::KeyReused => {
            let detail = "this Idempotency-Key was used for another request; a new command needs a new key";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail).at("Idempotency-Key")
        }
        Error::Overloaded => Problem::unavailable("overloaded", "too many commands are waiting; nothing was done", 1),
        Error::Stalled { waiting } => {
            tracing::warn!(?waiting, "a command was turned away: the log takes nothing at the moment");
            Problem::unavailable("log-stalled", "the log takes nothing at the moment; nothing was done", 1)
        }
        Error::Unknown => Problem::unavailable(
            "outcome-unknown",
            "the log has not answered yet, and the command may still be done; send it again under the same Idempotency-Key to learn what became of it",
            1,
        ),
        Error::TooLarge { bytes, limit } => {
            let detail = format!("the command makes an event of {bytes} bytes, {limit} are allowed; split it");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        }
        Error::Unavailable(error) => {
            if let Some(problem) = Problem::unanswerable(&*error) {
                return problem;
            }
            tracing::error!(%error, "the log could not be reached");
            Problem::unavailable("log-unavailable", "the log could not be reached; nothing was done", 1)
        }
        Error::Corrupt(error) => Problem::internal(&*error),
    }
}

fn refused(refusal: &impl Refusal) -> Problem {
    let status = match refusal.kind() {
        Kind::Missing => StatusCode::NOT_FOUND,
        Kind::OutOfTurn => StatusCode::CONFLICT,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let problem = Problem::new(status, refusal.code(), refusal.to_string());
    match refusal.pointer() {
        Some(pointer) => problem.at(pointer),
        None => problem,
    }
}
