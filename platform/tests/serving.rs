//! Connections: none is held for ever, by a client or by an end.
#![cfg(test)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use platform::config::Listen;
use platform::extract;
use platform::server::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

const DRAIN: Duration = Duration::from_secs(2);
/// Much longer than any limit here: what is waited for comes, or never.
const EVER: Duration = Duration::from_secs(20);

struct Server {
    listen: SocketAddr,
    served: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
    _stops: DropGuard,
}

/// A server whose limits of time are a second, with so many places.
async fn server(max_connections: usize) -> Server {
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = Listen {
        listen,
        max_body_bytes: 1024,
        max_connections,
        idle_timeout: 1,
        stall_timeout: 1,
        request_timeout: 60,
        drain_timeout: DRAIN.as_secs(),
    };
    let router = Router::new()
        .route("/", get(async || "here"))
        .route("/soon", get(async || tokio::time::sleep(DRAIN / 2).await))
        .route("/never", get(std::future::pending::<()>))
        .route("/much", get(async || vec![b'.'; 64 * 1024 * 1024]))
        .route("/body", post(async |request| extract::body(request, &()).await.map(|_| ())));
    let stop = CancellationToken::new();
    let token = stop.clone();
    let served = tokio::spawn(async move { serve(router, &settings, token).await });
    while TcpStream::connect(listen).await.is_err() {
        tokio::task::yield_now().await;
    }
    Server { listen, served, stop: stop.clone(), _stops: stop.drop_guard() }
}

impl Server {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.listen).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Sends a request and gives it time to be taken up.
    async fn open(&self, path: &str) -> TcpStream {
        let stream = self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        stream
    }
}

/// All that comes until the server closes the connection.
async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let _ = timeout(EVER, stream.read_to_string(&mut text)).await.expect("the connection is held");
    text
}

#[tokio::test]
async fn open_requests_end_within_the_drain_time_and_no_new_ones_are_taken() {
    let server = server(9).await;
    let (soon, _never) = (server.open("/soon").await, server.open("/never").await);
    server.stop.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(server.listen).await.is_err(), "it still listens");
    assert!(answer(soon).await.starts_with("HTTP/1.1 200"));
    // The process ends here, and with it the one that does not.
    timeout(2 * DRAIN, server.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn whoever_does_not_come_to_the_end_of_a_head_is_not_waited_for() {
    let server = server(9).await;
    let http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for begun in
        ["", "P", "PRI * HT", http2, "GET / HTTP/1.1\r\nhost: a\r\nx-half", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"]
    {
        let came = timeout(EVER, async {
            let mut stream = server.send(begun).await;
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes).await;
            bytes
        });
        let came = came.await.unwrap_or_else(|_| panic!("{begun:?} holds its connection"));
        assert_eq!(came.ends_with(b"here"), begun.ends_with("\r\n\r\n"), "{begun:?}");
    }
}

#[tokio::test]
async fn one_letter_at_a_time_does_not_keep_a_connection() {
    let server = server(9).await;
    let mut stream = server.send("GET / HTTP/1.1\r\nhost: a\r\nx: ").await;
    let ended = timeout(EVER, async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    ended.await.expect("the connection is held");
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_answered_and_its_connection_closed() {
    let server = server(9).await;
    let half = server.send("POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{").await;
    let answered = answer(half).await;
    assert!(answered.starts_with("HTTP/1.1 400"), "{answered}");
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up() {
    let server = server(1).await;
    let lazy = server.open("/much").await;
    // There is one place, and it is given back.
    assert!(answer(server.open("/").await).await.starts_with("HTTP/1.1 200"));
    drop(lazy);
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let server = server(2).await;
    let (never, _other) = (server.open("/never").await, server.open("/never").await);
    let mut third = server.open("/").await;
    let mut first_byte = [0];
    assert!(timeout(DRAIN, third.read(&mut first_byte)).await.is_err(), "it has a place");
    drop(never);
    assert!(answer(third).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let server = server(9).await;
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "x".repeat(80 * 1024));
    let answered = answer(server.send(&long).await).await;
    assert!(answered.is_empty() || answered.starts_with("HTTP/1.1 431"), "{answered}");
}
