//! What is the same for all queries: waiting for the projection, saying how far it has got, not sending what the client has.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Response};
use platform::page::Page;
use platform::{Problem, extract};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::App;

/// The longest that a query waits for its projection.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// A query on a projection: its parameters, and how fresh the answer must be.
pub(crate) struct Asked<T> {
    pub(crate) parameters: T,
    uri: Uri,
    at_least: Option<i64>,
    wait: Option<u64>,
    none_match: Option<String>,
}

/// A query whose projection has got as far as the client asked.
pub(crate) struct Ready {
    uri: Uri,
    position: i64,
    waited: Option<u64>,
    none_match: Option<String>,
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let uri = parts.uri.clone();
        let (at_least, rest) = take_at_least(uri.query().unwrap_or_default())?;
        parts.uri = format!("{}?{rest}", uri.path())
            .parse()
            .map_err(|_| Problem::malformed("the query string cannot be read"))?;
        let parameters = extract::Query::from_request_parts(parts, state).await;
        parts.uri = uri.clone();
        Ok(Self {
            parameters: parameters?.0,
            uri,
            at_least,
            wait: wait(&parts.headers),
            none_match: parts
                .headers
                .get(header::IF_NONE_MATCH)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
        })
    }
}

/// Every query takes `at_least`; none has to list it among its own parameters.
fn take_at_least(query: &str) -> Result<(Option<i64>, String), Problem> {
    let mut at_least = None;
    let mut rest = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.strip_prefix("at_least=") {
            None => rest.push(part),
            Some(value) => {
                let position = value.parse().ok().filter(|position| *position >= 0);
                at_least = Some(
                    position
                        .ok_or_else(|| Problem::malformed("at_least is a position: a whole number").at("at_least"))?,
                );
            }
        }
    }
    Ok((at_least, rest.join("&")))
}

/// `Prefer: wait=<seconds>` (RFC 7240).
fn wait(headers: &HeaderMap) -> Option<u64> {
    let preferences = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']));
    preferences
        .filter_map(|preference| preference.trim().strip_prefix("wait="))
        .find_map(|seconds| seconds.trim().parse().ok())
}

impl<T> Asked<T> {
    /// Waits for the projection if the client wants that, and takes its position: the data that are read from here on are at least as fresh.
    pub(crate) async fn ready(self, app: &App, projection: &'static str) -> Result<(T, Ready), Problem> {
        let required = self.at_least.unwrap_or(0);
        if let Some(seconds) = self.wait {
            // What was heard of last may be old, but a projection goes back only when it is made anew; the position read below counts.
            app.progress.reaches(projection, required, Duration::from_secs(seconds).min(MAX_WAIT)).await;
        }
        let position = position(app, projection).await?;
        if position < required {
            let detail = format!("the read model {projection} stands at {position} and has not reached {required} yet");
            return Err(Problem::unavailable("projection-behind", detail, 1)
                .with("required", required)
                .with("current", position));
        }
        let ready = Ready { uri: self.uri, position, waited: self.wait, none_match: self.none_match };
        Ok((self.parameters, ready))
    }
}

async fn position(app: &App, projection: &'static str) -> Result<i64, Problem> {
    let position = sqlx::query_scalar!("select position from projection.checkpoints where name = $1", projection)
        .fetch_optional(&app.pool)
        .await
        .map_err(|error| Problem::internal(&error))?;
    position.ok_or_else(|| {
        Problem::unavailable("projection-behind", format!("the read model {projection} has not been made yet"), 1)
            .with("current", 0)
    })
}

impl Ready {
    /// The answer with its headers; 304 when the client has it already.
    pub(crate) fn answer(self, body: impl Serialize) -> Response {
        let tag = format!("\"{}\"", self.position);
        let has_it = self
            .none_match
            .as_ref()
            .is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
        let mut response = if has_it { StatusCode::NOT_MODIFIED.into_response() } else { Json(body).into_response() };
        let headers = response.headers_mut();
        insert(headers, header::ETAG, &tag);
        insert(headers, HeaderName::from_static("log-position"), &self.position.to_string());
        if let Some(seconds) = self.waited {
            insert(
                headers,
                HeaderName::from_static("preference-applied"),
                &format!("wait={}", seconds.min(MAX_WAIT.as_secs())),
            );
        }
        response
    }

    /// A page with its `Link` to the next one.
    pub(crate) fn page<T: Serialize>(self, page: &Page<T>) -> Response {
        let link = page.link(&self.uri);
        let mut response = self.answer(page);
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    /// What was found, or 404.
    pub(crate) fn found<T: Serialize>(self, found: Option<T>, what: &str) -> Result<Response, Problem> {
        found.map(|found| self.answer(found)).ok_or_else(|| Problem::not_found(format!("there is no such {what}")))
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// A failed statement as a problem; for `map_err`.
pub(crate) fn failed(error: sqlx::Error) -> Problem {
    Problem::internal(&error)
}

/// No parameters of its own.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// # Errors
/// 400 when a parameter has a value that it cannot have.
pub(crate) fn one_of(parameter: &'static str, value: Option<&str>, allowed: &[&str]) -> Result<(), Problem> {
    if value.is_none_or(|value| allowed.contains(&value)) {
        return Ok(());
    }
    Err(Problem::malformed(format!("{parameter} is one of {}", allowed.join(", "))).at(parameter))
}
