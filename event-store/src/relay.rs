//! Publishes the log to JetStream, so that the sequence of each message is the position of its event.
//!
//! There is no checkpoint: the stream itself tells how far it got. One relay leads, by a lease; should two publish all the same, the
//! server refuses the later one, because each message names the sequence it must follow.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::checked_stream::{self as stream, CheckedStream};
use crate::deadline::within;
use crate::log::{self, Head, Place};
use crate::message::source;
use crate::publish::{MAX_BATCH, Publisher};
use crate::relay_error::RelayError;
use crate::{Lease, Pace};

/// How long an answer of Postgres is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// From how many events a second and core on batches are left to grow. Each batch costs a sync of the disk, which commits wait for too;
/// readers look at the log themselves when the stream is late.
const FAST: u16 = 1500;

/// How the relay works.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// The JetStream stream.
    pub stream: String,
    /// Events read and published at a time at most.
    pub window: usize,
    /// How long a leader may be silent.
    pub lease: Duration,
    /// How often an idle relay looks at the log and at the stream.
    pub poll: Duration,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            stream: "ANNALS".to_owned(),
            window: MAX_BATCH,
            lease: Duration::from_secs(5),
            poll: Duration::from_secs(1),
        }
    }
}

/// What a relay is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayStatus {
    /// Another one leads.
    Standby,
    /// Publishing; the stream has everything up to this position.
    Leading(i64),
    /// NATS or Postgres cannot be used just now; it keeps trying.
    Retrying(String),
    /// The stream is not this log's: somebody must decide.
    Stopped(String),
}

/// Publishes the log to JetStream.
pub struct Relay {
    pool: PgPool,
    publisher: Publisher,
    settings: RelaySettings,
    appended: watch::Receiver<i64>,
    status: watch::Sender<RelayStatus>,
}

impl Relay {
    /// A relay that is woken by this process' appends, by other processes' notifications, and by a poll.
    #[must_use]
    pub fn new(
        pool: PgPool,
        client: async_nats::Client,
        settings: RelaySettings,
        appended: watch::Receiver<i64>,
    ) -> Self {
        Self {
            pool,
            publisher: Publisher::new(client),
            settings,
            appended,
            status: watch::Sender::new(RelayStatus::Standby),
        }
    }

    /// What it is doing, now and from now on.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<RelayStatus> {
        self.status.subscribe()
    }

    /// Relays until `stop` is cancelled.
    pub async fn run(mut self, holder: String, stop: CancellationToken) {
        let mut pause = Duration::from_millis(100);
        while !stop.is_cancelled() {
            let lease = match within(ANSWER, Lease::acquire(&self.pool, "relay", &holder, self.settings.lease)).await {
                Ok(Some(lease)) => lease,
                Ok(None) => {
                    self.status.send_replace(RelayStatus::Standby);
                    wait(&stop, self.settings.lease / 4).await;
                    continue;
                }
                Err(error) => {
                    self.report(&error.into());
                    wait(&stop, self.settings.poll).await;
                    continue;
                }
            };
            if let Err(error) = self.lead(&lease, &stop).await {
                self.report(&error);
                pause = if matches!(error, RelayError::Foreign(_)) {
                    self.settings.poll
                } else {
                    (pause * 2).min(self.settings.poll)
                };
                wait(&stop, pause).await;
            } else {
                pause = Duration::from_millis(100);
            }
            if stop.is_cancelled()
                && let Err(error) = within(ANSWER, lease.release(&self.pool)).await
            {
                tracing::debug!(%error, "the relay's lease was left to expire");
            }
        }
    }

    fn report(&self, error: &RelayError) {
        metrics::gauge!("annals_relay_leading").set(0.0);
        metrics::counter!("annals_relay_resets_total").increment(1);
        let text = error.to_string();
        if let RelayError::Foreign(_) = error {
            tracing::error!(error = %text, "the relay has stopped");
            self.status.send_replace(RelayStatus::Stopped(text));
        } else {
            tracing::warn!(error = ?error, "the relay begins again");
            self.status.send_replace(RelayStatus::Retrying(text));
        }
    }

    /// Fills the stream and keeps it full, as long as the lease holds and nothing goes wrong.
    async fn lead(&mut self, lease: &Lease, stop: &CancellationToken) -> Result<(), RelayError> {
        let head = within(ANSWER, log::head(&self.pool)).await?;
        let (stream, mut last) = self.believed(head).await?;
        let source = source(head.log_id);
        let mut listener = within(ANSWER, PgListener::connect_with(&self.pool)).await?;
        within(ANSWER, listener.listen("annals_log")).await?;
        let mut connection = within(ANSWER, self.pool.acquire()).await?;
        metrics::gauge!("annals_relay_leading").set(1.0);
        let mut renewed = tokio::time::Instant::now();
        let mut looked = renewed;
        let mut pace = Pace::new(self.settings.window, FAST);
        let window = i64::try_from(self.settings.window).unwrap_or(i64::MAX);
        while !stop.is_cancelled() {
            if renewed.elapsed() > lease.ttl() / 3 {
                if !within(ANSWER, lease.renew(&self.pool)).await? {
                    self.status.send_replace(RelayStatus::Standby);
                    return Ok(());
                }
                renewed = tokio::time::Instant::now();
            }
            if looked.elapsed() > self.settings.poll {
                looked = tokio::time::Instant::now();
                stream.still_ends_with(last).await?;
                self.measure(last).await?;
            }
            let events = within(ANSWER, log::read_after(&mut *connection, last, window)).await?;
            let events = events.ok_or_else(|| lost(last))?;
            let Some(newest) = events.last().map(Place::from) else {
                self.status.send_if_modified(|status| leading(status, last.position));
                self.wait_for_work(&mut listener, stop, last.position).await?;
                continue;
            };
            self.publisher.publish(&events, &source).await?;
            last = newest;
            metrics::counter!("annals_relay_published_total")
                .increment(u64::try_from(events.len()).unwrap_or_default());
            metrics::gauge!("annals_relay_position").set(precise(last.position));
            self.status.send_if_modified(|status| leading(status, last.position));
            pace.after(events.len()).await;
        }
        Ok(())
    }

    async fn measure(&self, last: Place) -> Result<(), RelayError> {
        let head = within(ANSWER, log::head(&self.pool)).await?;
        metrics::gauge!("annals_relay_lag_events").set(precise((head.position - last.position).max(0)));
        Ok(())
    }

    async fn wait_for_work(
        &mut self,
        listener: &mut PgListener,
        stop: &CancellationToken,
        last: i64,
    ) -> Result<(), RelayError> {
        let appended = async { self.appended.wait_for(|position| *position > last).await.is_ok() };
        tokio::select! {
            // An end of the watch means that this process appends nothing more.
            alive = appended => if !alive { wait(stop, self.settings.poll).await },
            notified = listener.recv() => { notified?; }
            () = tokio::time::sleep(self.settings.poll) => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }
}

impl Relay {
    /// The log's stream, and how far it got, once it is known to be the log's: made if it is not there, set up as this version wants it, and
    /// made anew where messages are missing. One that holds what the log does not is left to an operator.
    async fn believed(&self, head: Head) -> Result<(CheckedStream, Place), RelayError> {
        let (jetstream, name) = (&self.publisher.jetstream, &self.settings.stream);
        let stream = CheckedStream::open(jetstream, name).await?;
        let state = stream.state().await?;
        let last = i64::try_from(state.last_sequence).unwrap_or(i64::MAX);
        if last > head.position {
            return Err(RelayError::Foreign(format!("it ends at {last}, the log at {}", head.position)));
        }
        if last == 0 {
            return Ok((stream, Place::START));
        }
        if state.messages > 0 {
            let place = Place { position: last, event_id: stream.event_id_of(state.last_sequence).await? };
            if !within(ANSWER, place.is_in_the_log(&self.pool)).await? {
                return Err(RelayError::Foreign(format!("its message {last} is not the log's event there")));
            }
            if state.first_sequence == 1 && state.messages == state.last_sequence {
                return Ok((stream, place));
            }
        }
        tracing::warn!(
            messages = state.messages,
            last,
            "messages are missing from the stream; it is made anew from the log"
        );
        metrics::counter!("annals_relay_remade_total").increment(1);
        stream::remake(jetstream, name).await?;
        Ok((CheckedStream::open(jetstream, name).await?, Place::START))
    }
}

/// The stream has what the log had once.
fn lost(last: Place) -> RelayError {
    RelayError::Foreign(format!("its message {} is an event that the log has lost", last.position))
}

/// Deletes the stream and makes it anew, empty, so that a relay fills it from the log.
///
/// # Errors
/// When NATS cannot be used.
pub async fn remake_stream(client: async_nats::Client, stream: &str) -> Result<(), async_nats::Error> {
    stream::remake(&async_nats::jetstream::new(client), stream).await.map_err(Into::into)
}

fn leading(status: &mut RelayStatus, last: i64) -> bool {
    let news = RelayStatus::Leading(last);
    let changed = *status != news;
    *status = news;
    changed
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; positions are exact in it up to 2^53")]
fn precise(position: i64) -> f64 {
    position as f64
}

async fn wait(stop: &CancellationToken, time: Duration) {
    let _ = stop.run_until_cancelled(tokio::time::sleep(time)).await;
}
