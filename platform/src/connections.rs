//! Connections: a bounded number of them, none of which is held by a client that does not do its part.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower_http::timeout::TimeoutBody;

use crate::config::Listen;
use crate::patience::Patient;

/// Bytes of a request's line and headers together at most; more is answered 431.
const MAX_HEAD: usize = 64 * 1024;
/// Requests that one HTTP/2 connection may have open at once.
const MAX_STREAMS: u32 = 256;
/// How long a connection that is told to end has for its last bytes.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long no connection is taken after one could not be, for want of file descriptors or memory.
const RECOVERY: Duration = Duration::from_millis(100);

/// Registers what the metrics here mean.
pub(crate) fn describe_metrics() {
    metrics::describe_gauge!("annals_http_connections", "Open connections.");
    metrics::describe_counter!(
        "annals_http_connections_given_up_total",
        "Connections that were closed because the client did not do its part, by reason."
    );
    metrics::describe_counter!("annals_http_accept_errors_total", "Connections that could not be taken.");
}

/// Takes connections until `stop` is cancelled, then waits until all have ended.
pub(crate) async fn serve(listener: TcpListener, router: Router, settings: &Listen, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let connections = TaskTracker::new();
    loop {
        let Some((stream, place)) = stop.run_until_cancelled(next(&listener, &places)).await else { break };
        let limits = Limits {
            idle: Duration::from_secs(settings.idle_timeout),
            stall: Duration::from_secs(settings.stall_timeout),
        };
        connections.spawn(hold(stream, router.clone(), limits, stop.clone(), place));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, once there is a place for it. No error ends the service: it comes from one client, or goes by.
async fn next(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                metrics::counter!("annals_http_accept_errors_total").increment(1);
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(RECOVERY).await;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Limits {
    /// Without an open request.
    idle: Duration,
    /// Within a request, without a byte.
    stall: Duration,
}

async fn hold(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
    _place: Option<OwnedSemaphorePermit>,
) {
    metrics::gauge!("annals_http_connections").increment(1);
    // Small answers are not to wait for those before them.
    let _ = stream.set_nodelay(true);
    let (open, requests) = watch::channel(0);
    let open = Arc::new(open);
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (router, guard) = (router.clone(), OpenRequest::new(Arc::clone(&open)));
        let request = request.map(|body| Body::new(TimeoutBody::new(limits.stall, body)));
        async move {
            let answer = router.oneshot(request).await?;
            Ok::<_, Infallible>(answer.map(|body| Guarded { body, _guard: guard }))
        }
    });
    let builder = builder(limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Patient::new(stream, limits.stall)), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = unused(limits.idle, requests.clone()) => {
            metrics::counter!("annals_http_connections_given_up_total", "reason" => "unused").increment(1);
            None
        }
    };
    let ended = if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        // What has no request open now has only begun to send one, or is waiting for nothing.
        tokio::select! { ended = connection.as_mut() => Some(ended), () = unused(FAREWELL, requests) => None }
    } else {
        ended
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(error, "a connection broke off");
    }
    metrics::gauge!("annals_http_connections").decrement(1);
}

fn builder(limits: Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.stall)
        .keep_alive_timeout(limits.stall);
    builder
}

/// Returns when no request has been open for the limit: none came, or none wholly up to the end of its head.
async fn unused(limit: Duration, mut requests: watch::Receiver<usize>) {
    loop {
        if *requests.borrow_and_update() > 0 {
            if requests.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        } else if timeout(limit, requests.changed()).await.is_err() {
            return;
        }
    }
}

/// Counts as open while it lives.
struct OpenRequest(Arc<watch::Sender<usize>>);

impl OpenRequest {
    fn new(open: Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

/// An answer's body; its request is open until it has been handed over.
struct Guarded {
    body: Body,
    _guard: OpenRequest,
}

impl HttpBody for Guarded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
