//! Appends: through the event store, through stock cqrs-es + postgres-es, and bare rows by pgbench.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use event_store::{EventStore, Idempotency, Metadata, Request, Settings, Target, Upcasters};
use futures::future::BoxFuture;

use crate::log::{Log, uuid};
use crate::peer::{self, Notebook, note};
use crate::report::{Report, median};

const CALLERS: usize = 64;
const ROUNDS: usize = 3;

pub(crate) async fn run(url: &str, seconds: u64, report: &mut Report) -> anyhow::Result<()> {
    let log = Log::make(url).await?;
    let time = Duration::from_secs(seconds);
    let (mut own, mut hot, mut theirs, mut their_hot, mut rows) = (vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        own.push(ours(&log, time, false, request).await?);
        rows.push(pgbench(&log, time)?);
        theirs.push(postgres_es(&log, time, false).await?);
        hot.push(ours(&log, time, true, request).await?);
        their_hot.push(postgres_es(&log, time, true).await?);
    }
    let (own, hot) = (median(own), median(hot));
    report.add(
        "appends, 64 callers, own streams",
        own,
        "pgbench, single-row inserts, best of 8 to 64 clients",
        median(rows),
        "events/s",
        1.5,
    );
    report.add("appends, 64 callers, own streams", own, "cqrs-es + postgres-es", median(theirs), "events/s", 10.0);
    report.add("appends, 64 callers, one stream", hot, "cqrs-es + postgres-es", median(their_hot), "events/s", 10.0);
    log.remove().await
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is an edge")]
fn request() -> Request {
    let metadata = Metadata {
        correlation_id: uuid::Uuid::now_v7(),
        causation_id: None,
        actor: "bench".to_owned(),
        actor_kind: "api_key".to_owned(),
        command: "note".to_owned(),
        traceparent: None,
    };
    Request { metadata, now: chrono::Utc::now(), idempotency: None, expected: None, enqueued: None }
}

/// A request under a key of its own, as clients send them.
pub(crate) fn keyed() -> Request {
    let idempotency = Idempotency { principal: "bench".to_owned(), key: uuid(), fingerprint: [0; 32] };
    Request { idempotency: Some(idempotency), ..request() }
}

pub(crate) async fn ours(log: &Log, time: Duration, one_stream: bool, request: fn() -> Request) -> anyhow::Result<f64> {
    let store = EventStore::start(log.pool.clone(), Upcasters::default(), Settings::default());
    let run = uuid();
    let rate = callers(time, |caller| {
        let (store, run) = (store.clone(), run.clone());
        Box::pin(async move {
            let stream = if one_stream { run } else { format!("{run}-{caller}") };
            store.execute(&request(), Target::<Notebook>::existing(stream), note()).await.is_ok()
        })
    });
    let rate = rate.await;
    store.shutdown().await;
    Ok(rate)
}

async fn postgres_es(log: &Log, time: Duration, one_stream: bool) -> anyhow::Result<f64> {
    let framework = Arc::new(peer::framework(&log.pool, Vec::new()).await?);
    let run = uuid();
    Ok(callers(time, |caller| {
        let (framework, run) = (Arc::clone(&framework), run.clone());
        Box::pin(async move {
            let stream = if one_stream { run } else { format!("{run}-{caller}") };
            // Whoever loses a race must try again; that is a part of the price.
            framework.execute(&stream, note()).await.is_ok()
        })
    })
    .await)
}

/// Successful calls a second of so many callers, each waiting for its answer before it calls again.
async fn callers(time: Duration, call: impl Fn(usize) -> BoxFuture<'static, bool>) -> f64 {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let call = &call;
    let began = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let (done, stop) = (Arc::clone(&done), Arc::clone(&stop));

        async move {
            while !stop.load(Ordering::Relaxed) {
                if call(caller).await {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    });
    let timer = async {
        tokio::time::sleep(time).await;
        stop.store(true, Ordering::Relaxed);
    };
    futures::future::join(futures::future::join_all(callers), timer).await;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    rate
}

/// Single-row inserts of the same row into a table of the same shape, at the concurrency that suits them best.
fn pgbench(log: &Log, time: Duration) -> anyhow::Result<f64> {
    let script = std::env::temp_dir().join(format!("{}.sql", uuid()));
    std::fs::write(
        &script,
        r#"insert into peer_rows select nextval('peer_row'), 'notebook', gen_random_uuid()::text, 1, gen_random_uuid(), 'notes.noted', '1.0',
           '{"noted":{"text":"the quick brown fox jumps over the lazy dog and goes on to do so all day, for about this many bytes"}}',
           '{"correlation_id":"01a1fcbe-7990-732c-8d04-4fa82b93dccb","actor":"bench","actor_kind":"api_key","command":"note"}', now();"#,
    )?;
    let psql = |sql: &str| connected("psql", log).args(["-q", "-c", sql]).status();
    psql("create table if not exists peer_rows (like events including all)")?;
    psql("create sequence if not exists peer_row")?;
    let mut best: f64 = 0.0;
    for clients in [8, 16, 32, 64] {
        let seconds = time.as_secs().div_ceil(4).max(2).to_string();
        let output = connected("pgbench", log)
            .args(["-n", "-M", "prepared", "-j", "2", "-T", &seconds, "-c", &clients.to_string(), "-f"])
            .arg(&script)
            .output()
            .context("pgbench is a part of Postgres' packages")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        best = best.max(tps.context("pgbench told no tps")?);
    }
    std::fs::remove_file(script)?;
    Ok(best)
}

fn connected(program: &str, log: &Log) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", log.url.get_host(), "-p", &log.url.get_port().to_string(), "-U", log.url.get_username()]);
    command.args(["-d", log.url.get_database().unwrap_or_default()]);
    command
}
