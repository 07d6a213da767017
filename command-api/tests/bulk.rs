//! Bulk requests of clients that are not as one would wish, over a real socket.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

#[expect(dead_code, reason = "each test binary uses its own part")]
mod api;

use std::time::Duration;

use api::Api;
use clap::Parser;
use command_api::bulk::Limits;
use platform::config::Listen;
use platform::server::serve;
use serde_json::Value;
use sqlx::PgPool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Much longer than any limit here: what is waited for comes, or never.
const EVER: Duration = Duration::from_secs(30);
const PRODUCT: &str = r#"{"path":"/v1/catalog/products","body":{"sku":"A","name":"a","price":"1","currency":"GBP"}}"#;

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    listen: Listen,
}

struct Server {
    listen: Listen,
    _stops: DropGuard,
}

impl Server {
    async fn start(pool: &PgPool, change: impl FnOnce(&mut Limits)) -> Self {
        let api = Api::with_bulk(pool, change);
        let port = e2e::ports::free().unwrap();
        let arguments = ["test", "--listen", &format!("127.0.0.1:{port}"), "--stall-timeout", "2"].map(str::to_owned);
        let listen = Settings::parse_from(arguments).listen;
        let stop = CancellationToken::new();
        let (settings, token) = (listen.clone(), stop.clone());
        tokio::spawn(async move { serve(api.router, &settings, token).await });
        while TcpStream::connect(listen.listen).await.is_err() {
            tokio::task::yield_now().await;
        }
        Self { listen, _stops: stop.drop_guard() }
    }

    /// Begins a bulk request of that length, on a connection that takes little before it is read.
    async fn begin(&self, length: usize) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        let mut stream = socket.connect(self.listen.listen).await.unwrap();
        let head = format!(
            "POST /v1/commands HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer admin\r\n\
             content-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// Sends all, then reads all.
    async fn send(&self, body: &[u8]) -> String {
        let mut stream = self.begin(body.len()).await;
        timeout(EVER, stream.write_all(body)).await.expect("it is not read").unwrap();
        read(stream).await
    }
}

async fn read(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(EVER, stream.read_to_end(&mut bytes)).await.expect("it does not end");
    String::from_utf8(bytes).unwrap()
}

/// Line and status of each answer.
fn answers(text: &str) -> Vec<(u64, u64)> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok().filter(Value::is_object));
    lines.map(|answer| (answer["line"].as_u64().unwrap(), answer["status"].as_u64().unwrap())).collect()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_line_that_cannot_be_read_has_its_answer_and_the_next_one_runs(pool: PgPool) {
    let server = Server::start(&pool, |limits| limits.line = 1000).await;
    let reprice = |price: u8| format!(r#"{{"path":"/v1/catalog/products/A/reprice","body":{{"price":"{price}"}}}}"#);
    let mut body = Vec::from(b"\xef\xbb\xbf");
    body.extend(PRODUCT.bytes());
    body.extend(b"\r\n\r\n");
    body.extend(vec![b' '; 5000]);
    body.extend(PRODUCT.bytes());
    body.extend(b"\n");
    body.extend(reprice(2).bytes());
    body.extend(b"\n{\"path\":\"/v1/catalog/products\",\"body\":{\"sku\":\"\xff\xfe\"}}\n");
    body.extend(reprice(3).bytes());
    body.extend(b"\n\x00\n");
    // The last one has no end.
    body.extend(reprice(4).bytes());
    let text = server.send(&body).await;
    assert_eq!(answers(&text), [(1, 201), (3, 413), (4, 200), (5, 400), (6, 200), (7, 400), (8, 200)], "{text}");
    assert!(text.contains(r#""code":"too-large""#) && text.contains("not UTF-8 from its byte"), "{text}");
}

/// 10 MB that make 10 MB of answers.
fn much() -> Vec<u8> {
    format!("{}\n", "x".repeat(250)).repeat(40_000).into_bytes()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_client_that_reads_only_when_all_is_sent_gets_all_answers(pool: PgPool) {
    let server = Server::start(&pool, |_| ()).await;
    let text = server.send(&much()).await;
    assert_eq!(answers(&text).len(), 40_000 - split_by_chunks(&text));
}

/// Answers that the chunks of HTTP/1.1 cut in two.
fn split_by_chunks(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("{\"line\"") && serde_json::from_str::<Value>(line).is_err()).count()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_client_that_never_reads_comes_to_an_end_and_its_place_is_free(pool: PgPool) {
    let server = Server::start(&pool, |limits| (limits.waiting, limits.requests) = (10_000, 1)).await;
    let body = much();
    let mut stream = server.begin(body.len()).await;
    assert!(timeout(EVER, stream.write_all(&body)).await.expect("it waits for ever").is_err());
    let again = timeout(EVER, async {
        while server.send(PRODUCT.as_bytes()).await.starts_with("HTTP/1.1 503") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    again.await.expect("its place is not free");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_body_that_stops_half_way_has_a_last_answer_and_nothing_of_its_half_line_is_done(pool: PgPool) {
    let server = Server::start(&pool, |_| ()).await;
    let mut stream = server.begin(10_000).await;
    stream.write_all(format!("{PRODUCT}\n{PRODUCT}").as_bytes()).await.unwrap();
    let text = read(stream).await;
    assert_eq!(answers(&text), [(1, 201), (2, 408)], "{text}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_request_that_dribbles_on_ends_when_its_time_is_over(pool: PgPool) {
    let server = Server::start(&pool, |limits| limits.time = Duration::from_secs(1)).await;
    let mut stream = server.begin(10_000).await;
    let ended = timeout(EVER, async {
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    ended.await.expect("it is held for ever");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn one_request_too_many_is_told_to_come_again(pool: PgPool) {
    let server = Server::start(&pool, |limits| limits.requests = 1).await;
    let mut first = server.begin(PRODUCT.len() + 1).await;
    first.write_all(format!("{PRODUCT}\n").as_bytes()[..50].as_ref()).await.unwrap();
    let mut head = [0; 15];
    first.read_exact(&mut head).await.unwrap();
    let second = server.send(PRODUCT.as_bytes()).await;
    assert!(second.starts_with("HTTP/1.1 503") && second.contains("overloaded"), "{second}");
    first.write_all(&format!("{PRODUCT}\n").as_bytes()[50..]).await.unwrap();
    assert_eq!(answers(&read(first).await), [(1, 201)]);
}
