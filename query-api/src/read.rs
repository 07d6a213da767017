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
use sha2::{Digest as _, Sha256};
use sqlx::{Postgres, Transaction};

use crate::App;

/// A moment that stays as it is for as long as an answer is put together.
const SNAPSHOT: &str = "begin isolation level repeatable read, read only";
const LOG_POSITION: HeaderName = HeaderName::from_static("log-position");

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

/// A query whose projection has got as far as the client asked. All that is read in its snapshot, and what is told about it, is of one moment.
pub(crate) struct Ready {
    pub(crate) snapshot: Transaction<'static, Postgres>,
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
        let rest = unbound(&uri, &rest)?;
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
        let mut snapshot = app.pool.begin_with(SNAPSHOT).await.map_err(failed)?;
        let position = position(&mut snapshot, projection, required).await?;
        let ready = Ready { snapshot, uri: self.uri, position, waited: self.wait, none_match: self.none_match };
        Ok((self.parameters, ready))
    }
}

/// Where the projection stands, if that is far enough.
async fn position(
    snapshot: &mut Transaction<'static, Postgres>,
    projection: &'static str,
    required: i64,
) -> Result<i64, Problem> {
    let found = sqlx::query!(
        "select position, status = 'stopped' as \"stopped!\", stopped_at_position from projection.checkpoints where name = $1",
        projection
    );
    let Some(found) = found.fetch_optional(&mut **snapshot).await.map_err(failed)? else {
        let detail = format!("the read model {projection} has not been made yet");
        return Err(Problem::unavailable("projection-behind", detail, 1).with("required", required).with("current", 0));
    };
    // One that has stopped at no event in particular holds what the log does not: nobody may see that.
    if found.stopped && (found.stopped_at_position.is_none() || found.position < required) {
        let detail = format!(
            "the read model {projection} has stopped at {} and waits for an operator; asking again does not help",
            found.position
        );
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "projection-stopped", detail);
        return Err(problem.with("required", required).with("current", found.position));
    }
    if found.position >= required {
        return Ok(found.position);
    }
    let head = sqlx::query_scalar!("select position from public.log_head").fetch_one(&mut **snapshot).await;
    let head = head.map_err(failed)?;
    if required > head {
        let detail = format!("the log ends at {head}: no command was answered with the position {required}");
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "position-beyond-head", detail);
        return Err(problem.at("at_least").with("required", required).with("head", head));
    }
    let detail = format!("the read model {projection} stands at {} and has not reached {required} yet", found.position);
    Err(Problem::unavailable("projection-behind", detail, 1).with("required", required).with("current", found.position))
}

/// What tells a cursor's list from others: its path and all its parameters, but for those that say how much of it, and how fresh.
fn binding(uri: &Uri) -> String {
    let others =
        |part: &&str| !part.is_empty() && !["cursor=", "limit=", "at_least="].iter().any(|name| part.starts_with(name));
    let mut parts: Vec<&str> = uri.query().unwrap_or_default().split('&').filter(others).collect();
    parts.sort_unstable();
    let digest = Sha256::digest(format!("{}?{}", uri.path(), parts.join("&")));
    digest.iter().take(8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The query string with the cursor as its list wrote it.
///
/// # Errors
/// 400 when the cursor is of another list, or of the same one in another order or with other filters.
fn unbound(uri: &Uri, query: &str) -> Result<String, Problem> {
    let mut rest = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let Some(cursor) = part.strip_prefix("cursor=") else {
            rest.push(part.to_owned());
            continue;
        };
        let own = cursor.strip_prefix(&binding(uri)).ok_or_else(|| {
            let detail = "this cursor is of another list, or of this one in another order or with other filters; begin again without it";
            Problem::malformed(detail).at("cursor")
        })?;
        rest.push(format!("cursor={own}"));
    }
    Ok(rest.join("&"))
}

impl Ready {
    /// A list, tagged with its position.
    pub(crate) fn answer(self, body: impl Serialize) -> Response {
        let tag = self.position;
        self.tagged(tag, body)
    }

    /// The answer with its headers; 304 when the client has it already.
    fn tagged(self, tag: i64, body: impl Serialize) -> Response {
        let tag = format!("\"{tag}\"");
        let is_it = |known: &str| ["*", tag.as_str()].contains(&known.trim().trim_start_matches("W/"));
        let has_it = self.none_match.as_ref().is_some_and(|known| known.split(',').any(is_it));
        let mut response = if has_it { StatusCode::NOT_MODIFIED.into_response() } else { Json(body).into_response() };
        let headers = response.headers_mut();
        insert(headers, header::ETAG, &tag);
        insert(headers, LOG_POSITION, &self.position.to_string());
        if let Some(seconds) = self.waited {
            let applied = format!("wait={}", seconds.min(MAX_WAIT.as_secs()));
            insert(headers, HeaderName::from_static("preference-applied"), &applied);
        }
        response
    }

    /// A page with its `Link` to the next one.
    pub(crate) fn page<T: Serialize>(self, mut page: Page<T>) -> Response {
        page.next = page.next.map(|next| binding(&self.uri) + &next);
        let link = page.link(&self.uri);
        let mut response = self.answer(page);
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }

    /// A document, tagged with its stream's sequence, so that its tag is what `If-Match` of the next command takes; or 404, which tells as
    /// of when.
    pub(crate) fn found<T: Document>(self, found: Option<T>, what: &str) -> Result<Response, Problem> {
        let Some(found) = found else {
            let position = HeaderValue::from(self.position);
            return Err(Problem::not_found(format!("there is no such {what}")).header(LOG_POSITION, position));
        };
        let sequence = found.sequence();
        Ok(self.tagged(sequence, found))
    }
}

/// What has a stream of its own.
pub(crate) trait Document: Serialize {
    /// The sequence of its last event.
    fn sequence(&self) -> i64;
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
