//! From the acknowledgement of a command to its effect in a query's answer, while other clients keep the system at half its load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::system::System;
use serde_json::json;
use tokio::task::JoinSet;

use crate::report::Report;

const CLIENTS: u32 = 64;

/// Clients that send one command after another, at a rate or as fast as they are answered.
struct Background {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU32>,
    clients: JoinSet<()>,
    began: Instant,
}

impl Background {
    fn start(system: &Arc<System>, rate: Option<f64>) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let pause = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(f64::from(CLIENTS) / rate));
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (system, stop, answered) = (Arc::clone(system), Arc::clone(&stop), Arc::clone(&answered));
            clients.spawn(async move {
                let mut next = tokio::time::Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    tokio::time::sleep_until(next).await;
                    next += pause;
                    let path = format!("/v1/inventory/busy/{client}/receive");
                    if system.post(&path, None, &json!({ "quantity": 1 })).await.is_ok() {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        Self { stop, answered, clients, began: Instant::now() }
    }

    /// Stops, and tells how many commands a second were answered.
    async fn stop(mut self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        let rate = f64::from(self.answered.load(Ordering::Relaxed)) / self.began.elapsed().as_secs_f64();
        while self.clients.join_next().await.is_some() {}
        rate
    }
}

pub(crate) async fn run(seconds: u64, report: &mut Report) -> anyhow::Result<()> {
    let system = Arc::new(System::start().await?);
    let full = Background::start(&system, None);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let full = full.stop().await;
    system.settled().await?;
    let half = Background::start(&system, Some(full / 2.0));
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
    let half = half.stop().await;
    eprintln!("{CLIENTS} clients: {full:.0} commands/s at full load, {half:.0} in the background");
    times.sort_by(f64::total_cmp);
    let share = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    report.add("acknowledged to visible, median", share(50), "goal", 10.0, "ms", 0.0);
    report.add("acknowledged to visible, 99 of 100", share(99), "goal: less than 10 ms", 10.0, "ms", 0.0);
    Ok(())
}
