//! A service that is told to stop lets open requests end, but not for ever.
#![cfg(test)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use platform::config::Listen;
use platform::server::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const DRAIN: Duration = Duration::from_secs(2);

/// Sends a request and gives it time to be taken up.
async fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text).await;
    text
}

#[tokio::test]
async fn open_requests_end_within_the_drain_time_and_no_new_ones_are_taken() {
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = Listen { listen, max_body_bytes: 1024, request_timeout: 60, drain_timeout: DRAIN.as_secs() };
    let router = Router::new()
        .route("/soon", get(async || tokio::time::sleep(DRAIN / 2).await))
        .route("/never", get(std::future::pending::<()>));
    let stop = CancellationToken::new();
    let served = tokio::spawn({
        let stop = stop.clone();
        async move { serve(router, &settings, stop).await }
    });
    while TcpStream::connect(listen).await.is_err() {
        tokio::task::yield_now().await;
    }
    let (soon, _never) = (open(listen, "/soon").await, open(listen, "/never").await);
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(listen).await.is_err(), "it still listens");
    assert!(answer(soon).await.starts_with("HTTP/1.1 200"));
    // The process ends here, and with it the one that does not.
    tokio::time::timeout(2 * DRAIN, served).await.unwrap().unwrap().unwrap();
}
