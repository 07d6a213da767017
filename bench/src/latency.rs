//! From the acknowledgement of a command to its effect in a query's answer, while other clients keep the system at about half its load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::system::System;
use serde_json::json;

use crate::report::Report;

/// Commands a second of the background load: about half of what one connection after another gets through.
const BACKGROUND: u64 = 1500;

pub(crate) async fn run(seconds: u64, report: &mut Report) -> anyhow::Result<()> {
    let system = Arc::new(System::start().await?);
    let stop = Arc::new(AtomicBool::new(false));
    let mut background = Vec::new();
    for client in 0..8 {
        let (system, stop) = (Arc::clone(&system), Arc::clone(&stop));
        background.push(tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_micros(8_000_000 / BACKGROUND));
            while !stop.load(Ordering::Relaxed) {
                tick.tick().await;
                let _ =
                    system.post(&format!("/v1/inventory/busy/{client}/receive"), None, &json!({ "quantity": 1 })).await;
            }
        }));
    }
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds * 3) {
        let sold = system.post("/v1/inventory/probe/A/receive", None, &json!({ "quantity": 1 })).await?;
        let position = sold.body["position"].as_i64().unwrap_or_default();
        let acknowledged = Instant::now();
        let read = system.get(&format!("/v1/inventory/probe/A?at_least={position}")).await?;
        ensure!(read.status == 200, "{read:?}");
        times.push(acknowledged.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in background {
        client.await?;
    }
    times.sort_by(f64::total_cmp);
    let share = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    report.add("acknowledged to visible, median", share(50), "goal", 10.0, "ms", 0.0);
    report.add("acknowledged to visible, 99 of 100", share(99), "goal: less than 10 ms", 10.0, "ms", 0.0);
    Ok(())
}
