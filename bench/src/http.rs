//! Commands over HTTP: the real processes, with relay and projections running, beside an axum handler over stock cqrs-es + postgres-es.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use e2e::system::{KEY, System};
use sqlx::postgres::PgPoolOptions;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::log::uuid;
use crate::peer::{self, Framework, note};
use crate::report::{Report, median};

const CLIENTS: usize = 64;
const ROUNDS: usize = 3;
const BODY: &str = r#"{"quantity":1,"document":"a document of some length"}"#;

pub(crate) async fn run(seconds: u64, report: &mut Report) -> anyhow::Result<()> {
    let system = System::start().await?;
    let time = Duration::from_secs(seconds);
    let own = system.commands[0].address();
    let theirs = serve_peer(&system).await?;
    let (mut ours, mut peers, mut bulks) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let run = uuid();
        ours.push(load(&own, time, |client| format!("/v1/inventory/{run}/{client}/receive")).await?);
        bulks.push(bulk(&own, time).await?);
        peers.push(load(&theirs, time, |client| format!("/{run}-{client}")).await?);
        system.settled().await?;
    }
    let peers = median(peers);
    report.add("HTTP commands, 64 clients", median(ours), "axum over cqrs-es + postgres-es", peers, "commands/s", 5.0);
    report.add(
        "HTTP commands, one bulk request",
        median(bulks),
        "axum over cqrs-es + postgres-es",
        peers,
        "commands/s",
        0.0,
    );
    Ok(())
}

/// The peer, in this process, on the same Postgres.
async fn serve_peer(system: &System) -> anyhow::Result<String> {
    let url = system.postgres.url("postgres", "annals");
    let pool = PgPoolOptions::new().max_connections(16).connect(&url).await?;
    let framework = Arc::new(peer::framework(&pool, Vec::new()).await?);
    let router = Router::new().route("/{id}", post(peer_command)).with_state(framework);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn peer_command(State(framework): State<Arc<Framework>>, Path(id): Path<String>) -> StatusCode {
    match framework.execute(&id, note()).await {
        Ok(()) => StatusCode::CREATED,
        Err(_) => StatusCode::CONFLICT,
    }
}

/// Answered requests a second, each client on a connection of its own, one after another. The client is as thin as can be: it shares
/// the machine with what it measures.
async fn load(address: &str, time: Duration, path: impl Fn(usize) -> String) -> anyhow::Result<f64> {
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|client| {
        let path = path(client);
        async move {
            let mut connection = BufReader::new(TcpStream::connect(address).await?);
            connection.get_ref().set_nodelay(true)?;
            let request = format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
                BODY.len()
            );
            let mut answered = 0_u32;
            while began.elapsed() < time {
                connection.write_all(request.as_bytes()).await?;
                if (200..300).contains(&answer(&mut connection).await?) {
                    answered += 1;
                }
            }
            anyhow::Ok(f64::from(answered))
        }
    });
    let answered: f64 = futures::future::try_join_all(clients).await?.into_iter().sum();
    Ok(answered / began.elapsed().as_secs_f64())
}

/// Reads an answer and tells its status.
async fn answer(connection: &mut BufReader<TcpStream>) -> anyhow::Result<u16> {
    let (mut line, mut length, mut status) = (String::new(), 0, 0);
    loop {
        line.clear();
        connection.read_line(&mut line).await?;
        if line.starts_with("HTTP/1.1 ") {
            status = line[9..12].parse()?;
        } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        } else if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok(status)
}

/// Commands a second of one bulk request that goes on for a while.
async fn bulk(address: &str, time: Duration) -> anyhow::Result<f64> {
    let stream = TcpStream::connect(address).await?;
    let (read, mut write) = stream.into_split();
    let head = format!(
        "POST /v1/commands HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    write.write_all(head.as_bytes()).await?;
    let began = Instant::now();
    let run = uuid();
    let sending = async move {
        let mut sent = 0_u32;
        while began.elapsed() < time {
            let mut lines = String::new();
            for n in 0..100 {
                writeln!(lines, "{{\"path\":\"/v1/inventory/{run}/{n}/receive\",\"body\":{BODY}}}")?;
            }
            write.write_all(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes()).await?;
            sent += 100;
        }
        write.write_all(b"0\r\n\r\n").await?;
        anyhow::Ok(sent)
    };
    let receiving = async move {
        let mut read = BufReader::new(read);
        let mut line = Vec::new();
        // The last chunk of the answer is an empty one.
        while line != b"0\r\n" {
            line.clear();
            if read.read_until(b'\n', &mut line).await? == 0 {
                break;
            }
        }
        anyhow::Ok(())
    };
    let (sent, ()) = futures::future::try_join(sending, receiving).await.context("the bulk request broke off")?;
    Ok(f64::from(sent) / began.elapsed().as_secs_f64())
}
