//! One task per process: collects the commits that queue up while the last batch is being committed, and appends them together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::append::{Appended, Known};
use crate::commit::Outcome;
use crate::hold::Held;
use crate::memory::Memory;
use crate::queue::{Pending, Queue};
use crate::settings::Settings;
use crate::turn::Turns;
use crate::waiting::Waiting;
use crate::way::{Way, is_about_the_content};

/// Owns the receiving end of the queue; ends when it is closed and empty.
pub(crate) struct Appender {
    way: Way,
    settings: Arc<Settings>,
    queue: Queue,
    appended: watch::Sender<i64>,
    memory: Memory,
    waiting: Waiting,
    known: Option<Known>,
    /// Those whose commits were decided on what the log does not say, until they get their turn.
    lost: Vec<Pending>,
}

impl Appender {
    pub(crate) fn new(
        way: Way,
        settings: Arc<Settings>,
        queue: Queue,
        appended: watch::Sender<i64>,
        memory: Memory,
        waiting: Waiting,
    ) -> Self {
        Self { way, settings, queue, appended, memory, waiting, known: None, lost: Vec::new() }
    }

    pub(crate) async fn run(mut self) {
        let mut received = Vec::with_capacity(self.settings.max_batch);
        loop {
            let held = self.give_turns().await;
            if held.is_some() {
                // More than a batch, if need be: whoever's turn it was must be among them.
                self.queue.drain(&mut received);
            } else if !self.queue.receive(&mut received).await {
                return;
            }
            metrics::gauge!("annals_append_queue").set(f64::from(size(self.queue.len())));
            self.waiting.since(received.iter().map(|pending| pending.queued).min());
            let batch: Vec<Pending> = received.drain(..).filter_map(|pending| self.unless_void(pending)).collect();
            if !batch.is_empty() {
                self.append(batch, held).await;
            }
            self.waiting.ended();
        }
    }

    /// Those who lost decide again, while the log is held for them.
    async fn give_turns(&mut self) -> Option<Held> {
        if self.lost.is_empty() {
            return None;
        }
        self.waiting.since(self.lost.iter().map(|pending| pending.queued).min());
        let held = self.way.hold_the_log().await.inspect_err(|error| tracing::warn!(%error, "could not hold the log"));
        let turns = Turns::new();
        for pending in self.lost.drain(..) {
            settle(pending, Outcome::Conflict(turns.give()));
        }
        turns.end().await;
        held.ok()
    }

    /// A commit decided on a state that will never be in the log has lost already.
    fn unless_void(&mut self, pending: Pending) -> Option<Pending> {
        let epoch = self.memory.epoch();
        if pending.fences.iter().any(|fence| fence.is_broken() || fence.epoch() != epoch) {
            self.lose(pending);
            return None;
        }
        Some(pending)
    }

    fn lose(&mut self, pending: Pending) {
        pending.fences.iter().for_each(|fence| fence.break_up());
        self.lost.push(pending);
    }

    /// Appends until there is an answer. A lost connection leaves it open whether the batch was committed: `append` knows the batch's own
    /// events again, under the lock that an older, still running try would hold.
    async fn append(&mut self, batch: Vec<Pending>, mut held: Option<Held>) {
        let started = Instant::now();
        let mut pause = Duration::from_millis(10);
        let answer = loop {
            match self.try_append(&batch, held.take()).await {
                Ok(answer) => break answer,
                Err(error) if is_about_the_content(&error) => return self.append_apart(batch, &error).await,
                Err(error) => {
                    metrics::counter!("annals_append_retries_total").increment(1);
                    tracing::warn!(%error, commits = batch.len(), "append got no answer; looking up what became of it");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.settings.max_pause);
                }
            }
        };
        metrics::histogram!("annals_append_batch_size").record(size(batch.len()));
        metrics::histogram!("annals_append_seconds").record(started.elapsed());
        self.settle_all(batch, answer);
    }

    /// Something in the batch cannot be stored: its neighbours must not suffer for it, and it must not be tried for ever.
    async fn append_apart(&mut self, mut batch: Vec<Pending>, error: &sqlx::Error) {
        if batch.len() == 1 {
            tracing::error!(%error, "a commit was rejected by the database");
            for pending in batch {
                settle(pending, Outcome::Rejected(error.to_string()));
            }
            return;
        }
        let second = batch.split_off(batch.len() / 2);
        for half in [batch, second] {
            // What failed in the first half voids what was decided on it in the second.
            let half: Vec<Pending> = half.into_iter().filter_map(|pending| self.unless_void(pending)).collect();
            if !half.is_empty() {
                Box::pin(self.append(half, None)).await;
            }
        }
    }

    fn settle_all(&mut self, batch: Vec<Pending>, Appended { log, outcomes }: Appended) {
        let before = self.known.replace(log);
        let Some(outcomes) = outcomes else {
            tracing::warn!(
                ?before,
                ?log,
                "the log is not the one known so far; forgetting all that was remembered of it"
            );
            metrics::counter!("annals_cache_flushed_total").increment(1);
            self.memory.forget();
            for pending in batch {
                self.lose(pending);
            }
            return;
        };
        for (pending, outcome) in batch.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Conflict(_) => self.lose(pending),
                outcome => settle(pending, outcome),
            }
        }
        // Last, so that waking the relay takes no time from those who wait for their answers.
        self.appended.send_if_modified(|position| std::mem::replace(position, log.head.position) != log.head.position);
    }

    async fn try_append(&mut self, batch: &[Pending], held: Option<Held>) -> Result<Appended, sqlx::Error> {
        let keyed = batch.iter().filter(|pending| pending.commit.idempotency.is_some());
        let oldest_key = keyed.map(|pending| pending.commit.at).min().unwrap_or_default() - self.settings.key_retention;
        self.way.append(batch.iter().map(|pending| &pending.commit), oldest_key, self.known, held).await
    }
}

fn settle(pending: Pending, outcome: Outcome) {
    if !pending.commit.streams.is_empty() {
        metrics::counter!("annals_commits_total", "outcome" => outcome.name()).increment(1);
    }
    if let Outcome::Appended { .. } = outcome {
        metrics::counter!("annals_events_appended_total").increment(u64::from(size(pending.commit.events())));
        for (stream, fence) in pending.commit.streams.iter().zip(&pending.fences) {
            fence.reached(stream.last_sequence());
        }
    } else {
        pending.fences.iter().for_each(|fence| fence.break_up());
    }
    // Whoever asked may have gone; the commit stands all the same.
    let _ = pending.answer.send(outcome);
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
