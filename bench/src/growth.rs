//! What an append under a key and a rebuilt event cost in a long log, beside what they cost in a short one.

use std::time::Duration;

use crate::appends::{keyed, ours};
use crate::log::Log;
use crate::rebuild::rebuild;
use crate::report::Report;

const SHORT: i64 = 100_000;
const LONG: i64 = 10_000_000;

pub(crate) async fn run(url: &str, report: &mut Report) -> anyhow::Result<()> {
    let (short_append, short_rebuild) = at(url, SHORT).await?;
    let (long_append, long_rebuild) = at(url, LONG).await?;
    let cost = |rate: f64| 1_000_000.0 / rate;
    report.add(
        "cost of a keyed append at 10 million events",
        cost(long_append),
        "at 100 thousand",
        cost(short_append),
        "µs",
        1.2,
    );
    report.add(
        "cost of a rebuilt event at 10 million events",
        cost(long_rebuild),
        "at 100 thousand",
        cost(short_rebuild),
        "µs",
        1.2,
    );
    Ok(())
}

async fn at(url: &str, events: i64) -> anyhow::Result<(f64, f64)> {
    let log = Log::make(url).await?;
    log.fill(events).await?;
    let rebuilt = rebuild(&log, events).await?;
    log.remember_keys().await?;
    let appended = ours(&log, Duration::from_secs(10), false, keyed).await?;
    log.remove().await?;
    Ok((appended, rebuilt))
}
