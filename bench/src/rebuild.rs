//! A read model from scratch, beside a bare COPY of the same log, and beside a replay by postgres-es.

use std::time::Instant;

use anyhow::Context as _;
use cqrs_es::persist::QueryReplay;
use event_store::{FeedSource, Upcasters};
use futures::StreamExt as _;
use projector::rebuild::RebuildSettings;
use sqlx::postgres::PgPoolCopyExt as _;

use crate::log::Log;
use crate::peer::{self, Notebook, note};
use crate::report::{Report, median};

const EVENTS: i64 = 1_000_000;
const PEER_EVENTS: u32 = 2_000;
const ROUNDS: usize = 3;

pub(crate) async fn run(url: &str, report: &mut Report) -> anyhow::Result<()> {
    let log = Log::make(url).await?;
    log.fill(EVENTS).await?;
    let (mut ours, mut bare) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        bare.push(copy(&log, EVENTS).await?);
        ours.push(rebuild(&log, EVENTS).await?);
    }
    let ours = median(ours);
    report.add(
        "rebuild of stock, 1 million events",
        ours,
        "COPY (SELECT … ORDER BY position) TO STDOUT",
        median(bare),
        "events/s",
        0.5,
    );
    report.add(
        "rebuild of stock, 1 million events",
        ours,
        "postgres-es replay into a GenericQuery view",
        replay(&log).await?,
        "events/s",
        20.0,
    );
    log.remove().await
}

pub(crate) async fn rebuild(log: &Log, events: i64) -> anyhow::Result<f64> {
    let source = FeedSource {
        pool: log.pool.clone(),
        nats: None,
        stream: "NONE".to_owned(),
        upcasters: Upcasters::new(domain::upcasters()),
    };
    let began = Instant::now();
    let projection = projector::find("inventory").context("there is a projection of stock")?;
    projection.rebuild(&source, &RebuildSettings::default(), &|_| {}).await?;
    Ok(rate(events, began))
}

/// What it takes to get the log out of Postgres at all.
async fn copy(log: &Log, events: i64) -> anyhow::Result<f64> {
    let began = Instant::now();
    let statement = "copy (select position, sequence, event_id, recorded_at, aggregate_type, aggregate_id, event_type, event_version, payload, metadata
                           from events order by position) to stdout";
    let mut stream = log.pool.copy_out_raw(statement).await?;
    while let Some(chunk) = stream.next().await {
        chunk?;
    }
    Ok(rate(events, began))
}

async fn replay(log: &Log) -> anyhow::Result<f64> {
    let framework = peer::framework(&log.pool, Vec::new()).await?;
    for n in 0..PEER_EVENTS {
        framework.execute(&format!("replayed-{}", n % 100), note()).await?;
    }
    let began = Instant::now();
    let replay: QueryReplay<_, _, Notebook> = QueryReplay::new(peer::repository(&log.pool), peer::view(&log.pool));
    replay.replay_all().await?;
    Ok(rate(i64::from(PEER_EVENTS), began))
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
pub(crate) fn rate(events: i64, began: Instant) -> f64 {
    events as f64 / began.elapsed().as_secs_f64()
}
