//! Many commands in one request, as lines of JSON. Each line goes through the same routes, with the same access table, as if it
//! had come alone; but they share batches, and are decided in the order in which they were sent.

mod answers;
mod lines;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use platform::trace::Trace;
use platform::{Problem, extract};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::answers::{Answers, Bound};
use self::lines::{Fault, Lines};
use crate::posted::Enqueued;

/// What bulk requests may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a line.
    pub line: usize,
    /// Commands of one request that are under way at once.
    pub in_flight: usize,
    /// Requests at once.
    pub requests: usize,
    /// Bytes of answers that wait to be read by one client.
    pub waiting: usize,
    /// The same, of all clients together.
    pub all_waiting: usize,
    /// How long a request may take.
    pub time: Duration,
}

/// What it takes to run a line.
#[derive(Clone)]
struct Bulk {
    single: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    bound: Bound,
}

/// A line of a bulk request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The command's route, as it would be alone.
    #[schema(example = "/v1/sales")]
    path: String,
    /// The command's body.
    #[schema(value_type = Object)]
    body: Box<RawValue>,
    /// The Idempotency-Key of this command.
    idempotency_key: Option<String>,
    /// The `If-Match` of this command.
    if_match: Option<String>,
}

/// Who sent the request, and in which trace.
#[derive(Clone)]
struct Sender {
    /// Each line proves it anew: a key that is revoked opens nothing for the lines that are still to come.
    authorization: Option<HeaderValue>,
    trace: Trace,
}

pub(crate) fn routes(single: Router, limits: Limits) -> OpenApiRouter {
    let places = Arc::new(Semaphore::new(limits.requests));
    let bound = Bound::new(limits.waiting, limits.all_waiting);
    OpenApiRouter::new().routes(routes!(commands)).with_state(Bulk { single, limits, places, bound })
}

/// Many commands, one JSON object a line. They are decided in order; each line of the answer tells what became of one, in order:
/// `{"line": 1, "status": 201, "body": {…}}`. A line that is refused does not stop those after it.
#[utoipa::path(post, path = "/v1/commands", tag = "bulk", request_body(content = Line, content_type = "application/x-ndjson"),
    responses((status = 200, description = "one line for each command, as they are committed", content_type = "application/x-ndjson")))]
async fn commands(
    State(bulk): State<Bulk>,
    Extension(trace): Extension<Trace>,
    request: Request,
) -> Result<Response, Problem> {
    extract::require_content_type(request.headers(), "application/x-ndjson")?;
    let place = Arc::clone(&bulk.places)
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable("overloaded", "too many bulk requests are under way; nothing was done", 1))?;
    let authorization = request.headers().get(header::AUTHORIZATION).cloned();
    let (answers, body) = answers::queue(bulk.bound.clone());
    tokio::spawn(work(bulk, Sender { authorization, trace }, request.into_body(), answers, place));
    let mut response = Body::from_stream(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Goes through a request, and keeps its place until all is answered, the client is gone, or the time is over.
async fn work(bulk: Bulk, sender: Sender, body: Body, answers: Answers, _place: OwnedSemaphorePermit) {
    let end = Instant::now() + bulk.limits.time;
    let (started, mut under_way) = mpsc::channel::<JoinHandle<Bytes>>(bulk.limits.in_flight);
    let collect = async move {
        while let Some(work) = under_way.recv().await {
            if answers.put(work.await).await.is_err() {
                return;
            }
        }
    };
    let collected = timeout_at(end + bulk.limits.time, collect);
    // The one that is left when the other ends has nothing more to do.
    let ((), _) = tokio::join!(start_each(bulk, sender, body, started, end), collected);
}

/// Starts a command as soon as the one before it is enqueued. Stops when the client is gone; what was started goes on to its end.
async fn start_each(bulk: Bulk, sender: Sender, body: Body, started: mpsc::Sender<JoinHandle<Bytes>>, end: Instant) {
    let mut lines = Lines::new(body, bulk.limits.line);
    let mut number = 0;
    loop {
        let line = match timeout_at(end, lines.next()).await {
            Ok(None) => return,
            Ok(Some(line)) => line,
            Err(_) => {
                let _ = started.send(refuse(number + 1, late("the whole of a bulk request takes too long"))).await;
                return;
            }
        };
        number += 1;
        let enqueued = Arc::new(Notify::new());
        let work = match line {
            Ok(line) if line.trim_ascii().is_empty() => continue,
            Ok(line) => tokio::spawn(run(bulk.single.clone(), sender.clone(), number, line, Arc::clone(&enqueued))),
            Err(Fault::TooLong) => {
                enqueued.notify_one();
                let detail = format!("a line is at most {} bytes", bulk.limits.line);
                refuse(number, Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail))
            }
            Err(Fault::Broken(error)) => {
                tracing::debug!(%error, "a bulk request broke off");
                let detail = "the body broke off, or its next bytes did not come in time";
                let _ = started.send(refuse(number, late(detail))).await;
                return;
            }
        };
        if started.send(work).await.is_err() {
            return;
        }
        enqueued.notified().await;
    }
}

/// The last answer of a request that is not read to its end.
fn late(detail: &str) -> Problem {
    let detail = format!("{detail}; lines from here on were not read: send them again");
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", detail)
}

fn refuse(number: u64, problem: Problem) -> JoinHandle<Bytes> {
    tokio::spawn(async move { answer(number, problem.into_response()).await })
}

async fn run(single: Router, sender: Sender, number: u64, line: Bytes, enqueued: Arc<Notify>) -> Bytes {
    let response = match request(&line, sender, Arc::clone(&enqueued)) {
        Ok(request) => single.oneshot(request).await.into_response(),
        Err(problem) => problem.into_response(),
    };
    // Not all ends of a command lie in the event store.
    enqueued.notify_one();
    answer(number, response).await
}

fn request(line: &[u8], sender: Sender, enqueued: Arc<Notify>) -> Result<Request, Problem> {
    let Line { path, body, idempotency_key, if_match } = extract::json(text(line)?.as_bytes())?;
    let uri: Uri = path.parse().map_err(|_| Problem::malformed("the path is not one").at("/path"))?;
    let mut request = Request::new(Body::from(body.get().to_owned()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(authorization) = sender.authorization {
        headers.insert(header::AUTHORIZATION, authorization);
    }
    for (name, value) in [("idempotency-key", idempotency_key), ("if-match", if_match)] {
        if let Some(value) = value {
            let value =
                HeaderValue::from_str(&value).map_err(|_| Problem::malformed("not the value of a header").at(name))?;
            headers.insert(name, value);
        }
    }
    request.extensions_mut().insert(sender.trace);
    request.extensions_mut().insert(Enqueued(enqueued));
    Ok(request)
}

fn text(line: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(line)
        .map_err(|error| Problem::malformed(format!("the line is not UTF-8 from its byte {} on", error.valid_up_to())))
}

async fn answer(number: u64, response: Response) -> Bytes {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
    let body = std::str::from_utf8(&body).ok().filter(|text| !text.is_empty()).unwrap_or("null");
    format!("{{\"line\":{number},\"status\":{status},\"body\":{body}}}\n").into()
}
