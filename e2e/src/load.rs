//! A load of keyed commands that goes on through crashes, and the proof that none was lost or doubled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::system::System;

/// Clients that record sales one after another, each sent again under its key until it is answered.
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    clients: JoinSet<anyhow::Result<Vec<String>>>,
}

impl Load {
    /// Starts `clients` clients.
    #[must_use]
    pub fn start(system: &Arc<System>, clients: usize) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            tasks.spawn(record_sales(Arc::clone(system), client, Arc::clone(&stop), Arc::clone(&acknowledged)));
        }
        Self { stop, acknowledged, clients: tasks }
    }

    /// How many commands have been acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until `more` further commands have been acknowledged: the system works again.
    ///
    /// # Errors
    /// When that takes more than a minute, or a client was refused.
    pub async fn progress(&mut self, more: usize) -> anyhow::Result<()> {
        let goal = self.acknowledged() + more;
        for _ in 0..1200 {
            if self.acknowledged() >= goal {
                return Ok(());
            }
            if let Some(ended) = self.clients.try_join_next() {
                ended.context("a client panicked")??;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("no progress within a minute: {} of {goal} commands acknowledged", self.acknowledged())
    }

    /// Lets each client finish its command and returns the ids of all acknowledged sales.
    ///
    /// # Errors
    /// When a client was refused.
    pub async fn finish(mut self) -> anyhow::Result<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut ids = Vec::new();
        while let Some(done) = self.clients.join_next().await {
            ids.extend(done.context("a client panicked")??);
        }
        Ok(ids)
    }
}

async fn record_sales(
    system: Arc<System>,
    client: usize,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
) -> anyhow::Result<Vec<String>> {
    let target = client % system.commands.len();
    let store = json!({ "id": "online", "name": "Online shop", "country": "France", "currency": "EUR" });
    done(&system, target, "/v1/catalog/stores", "the store", &store).await?;
    let mut ids = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let id = format!("{client}-{}", ids.len());
        let sale = json!({ "id": id, "store": "online", "customer": format!("c{}", client % 3), "country": "France", "currency": "EUR",
            "complete": true, "lines": [{ "sku": "A", "description": "a", "quantity": 1 + client, "unit_price": "1.25" }] });
        done(&system, target, "/v1/sales", &id, &sale).await?;
        acknowledged.fetch_add(1, Ordering::Relaxed);
        ids.push(id);
    }
    Ok(ids)
}

/// Sends a command under a key until it is answered.
async fn done(system: &System, target: usize, path: &str, key: &str, body: &Value) -> anyhow::Result<()> {
    loop {
        match system.post_to(target, path, Some(key), body).await {
            Ok(answer) if answer.status == 201 => return Ok(()),
            Ok(answer) => ensure!(answer.status >= 500, "{path} under {key} was refused: {answer:?}"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Each acknowledged sale is in the log exactly once, the log is dense, the stream equals it, and every read model equals a rebuild.
///
/// # Errors
/// The first of these that is not so.
pub async fn nothing_is_lost_or_doubled(system: &System, acknowledged: &[String]) -> anyhow::Result<()> {
    let head = system.settled().await?;
    let pool = system.database().await?;
    let mut recorded: Vec<String> =
        sqlx::query_scalar("select aggregate_id from events where event_type = 'sales.recorded'")
            .fetch_all(&pool)
            .await?;
    let mut expected = acknowledged.to_vec();
    recorded.sort();
    expected.sort();
    ensure!(recorded == expected, "{} sales acknowledged, {} in the log", expected.len(), recorded.len());
    let (count, last): (i64, i64) =
        sqlx::query_as("select count(*), coalesce(max(position), 0) from events").fetch_one(&pool).await?;
    ensure!(count == last && last == head, "{count} events, last position {last}, head {head}");

    let verified = verified(system).await?;
    ensure!(verified.0, "replay-tool verify: {}", verified.1);
    let live = system.read_models().await?;
    let rebuilt = system.replay_tool(&["rebuild", "--all"]).await?;
    ensure!(rebuilt.status.success(), "replay-tool rebuild: {}", String::from_utf8_lossy(&rebuilt.stderr));
    let anew = system.read_models().await?;
    ensure!(anew == live, "live {live:?}\nrebuilt {anew:?}");
    Ok(())
}

/// `verify`, given time for the relay to finish what it was filling.
async fn verified(system: &System) -> anyhow::Result<(bool, String)> {
    let mut last = String::new();
    for _ in 0..60 {
        let output = system.replay_tool(&["verify"]).await?;
        last = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok((true, last));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok((false, last))
}
