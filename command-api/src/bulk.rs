//! Many commands in one request, as lines of JSON. Each line goes through the same routes, with the same access table, as if it
//! had come alone; but they share batches, and are decided in the order in which they were sent.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use platform::identity::Principal;
use platform::trace::Trace;
use platform::{Problem, extract};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;
use tower::ServiceExt as _;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::posted::Enqueued;

/// What it takes to run a line.
#[derive(Clone)]
struct Bulk {
    single: Router,
    max_line: usize,
    in_flight: usize,
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
    principal: Arc<Principal>,
    trace: Trace,
}

pub(crate) fn routes(single: Router, max_line: usize, in_flight: usize) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(commands)).with_state(Bulk { single, max_line, in_flight })
}

/// Many commands, one JSON object a line. They are decided in order; each line of the answer tells what became of one, in order:
/// `{"line": 1, "status": 201, "body": {…}}`. A line that is refused does not stop those after it.
#[utoipa::path(post, path = "/v1/commands", tag = "bulk", request_body(content = Line, content_type = "application/x-ndjson"),
    responses((status = 200, description = "one line for each command, as they are committed", content_type = "application/x-ndjson")))]
async fn commands(
    State(bulk): State<Bulk>,
    Extension(principal): Extension<Arc<Principal>>,
    Extension(trace): Extension<Trace>,
    request: Request,
) -> Result<Response, Problem> {
    extract::require_content_type(request.headers(), "application/x-ndjson")?;
    let (started, under_way) = mpsc::channel(bulk.in_flight);
    tokio::spawn(start_each(bulk, Sender { principal, trace }, request.into_body(), started));
    let answers = futures::stream::unfold(under_way, async |mut under_way: mpsc::Receiver<JoinHandle<Bytes>>| {
        let answer = under_way.recv().await?.await;
        Some((answer, under_way))
    });
    let mut response = Body::from_stream(answers).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Starts a command as soon as the one before it is enqueued. Stops when the client is gone; what was started goes on to its end.
async fn start_each(bulk: Bulk, sender: Sender, body: Body, started: mpsc::Sender<JoinHandle<Bytes>>) {
    let reader = StreamReader::new(body.into_data_stream().map_err(std::io::Error::other));
    let mut lines = FramedRead::new(reader, LinesCodec::new_with_max_length(bulk.max_line));
    let mut number = 0;
    while let Some(line) = lines.next().await {
        number += 1;
        let enqueued = Arc::new(Notify::new());
        let work = match line {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => tokio::spawn(run(bulk.single.clone(), sender.clone(), number, line, Arc::clone(&enqueued))),
            Err(LinesCodecError::MaxLineLengthExceeded) => {
                enqueued.notify_one();
                let problem = Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too-large",
                    format!("a line is at most {} bytes", bulk.max_line),
                );
                tokio::spawn(async move { answer(number, problem.into_response()).await })
            }
            // The connection broke, or the body is not UTF-8: there is no next line to be found.
            Err(LinesCodecError::Io(error)) => {
                tracing::debug!(%error, "a bulk request broke off");
                return;
            }
        };
        if started.send(work).await.is_err() {
            return;
        }
        enqueued.notified().await;
    }
}

async fn run(single: Router, sender: Sender, number: u64, line: String, enqueued: Arc<Notify>) -> Bytes {
    let response = match request(&line, sender, Arc::clone(&enqueued)) {
        Ok(request) => single.oneshot(request).await.into_response(),
        Err(problem) => problem.into_response(),
    };
    // Not all ends of a command lie in the event store.
    enqueued.notify_one();
    answer(number, response).await
}

fn request(line: &str, sender: Sender, enqueued: Arc<Notify>) -> Result<Request, Problem> {
    let Line { path, body, idempotency_key, if_match } = extract::json(line.as_bytes())?;
    let uri: Uri = path.parse().map_err(|_| Problem::malformed("the path is not one").at("/path"))?;
    let mut request = Request::new(Body::from(body.get().to_owned()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in [("idempotency-key", idempotency_key), ("if-match", if_match)] {
        if let Some(value) = value {
            let value =
                HeaderValue::from_str(&value).map_err(|_| Problem::malformed("not the value of a header").at(name))?;
            headers.insert(name, value);
        }
    }
    request.extensions_mut().insert(sender.principal);
    request.extensions_mut().insert(sender.trace);
    request.extensions_mut().insert(Enqueued(enqueued));
    Ok(request)
}

async fn answer(number: u64, response: Response) -> Bytes {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap_or_default();
    let body = std::str::from_utf8(&body).ok().filter(|text| !text.is_empty()).unwrap_or("null");
    format!("{{\"line\":{number},\"status\":{status},\"body\":{body}}}\n").into()
}
