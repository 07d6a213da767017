//! Events in order from a position, live.
//!
//! What is old comes from Postgres, what is new from JetStream as soon as it is published, and whatever JetStream does not have, or cannot
//! give just now, from Postgres again. Positions are checked: each event follows the one before it.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::push::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use futures::StreamExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use thiserror::Error;

use crate::message::{event, source};
use crate::{Recorded, Upcasters, log};

/// How long a feed that got nothing from JetStream waits before it looks at the log itself.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after JetStream failed it is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// Where a feed finds its events.
#[derive(Clone)]
pub struct FeedSource {
    /// The log.
    pub pool: PgPool,
    /// NATS; without it the feed lives on Postgres alone.
    pub nats: Option<async_nats::Client>,
    /// The JetStream stream.
    pub stream: String,
    /// Applied to every event.
    pub upcasters: Upcasters,
}

/// Why a feed could not go on. It may be asked again.
#[derive(Debug, Error)]
pub enum FeedError {
    /// The database could not be read.
    #[error("the log could not be read")]
    Unreachable(#[from] sqlx::Error),
    /// The feed stands after the end of the log: the log was restored or replaced.
    #[error("the feed stands at {position}, but the log ends at {head}: it was restored or replaced")]
    Ahead {
        /// Where the feed stands.
        position: i64,
        /// Where the log ends.
        head: i64,
    },
    /// An event could not be brought up to date.
    #[error("the event at {position} could not be brought up to date")]
    Upcast {
        /// Where in the log.
        position: i64,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Events in order from a position.
pub struct Feed {
    source: FeedSource,
    position: i64,
    /// What messages of this log name as their source.
    log: Option<String>,
    live: Option<Live>,
    /// When JetStream is tried again.
    retry_at: tokio::time::Instant,
    listener: Option<PgListener>,
}

struct Live {
    messages: push::Ordered,
}

impl Feed {
    /// A feed of all events after `after`.
    #[must_use]
    pub fn open(source: FeedSource, after: i64) -> Self {
        Self { source, position: after, log: None, live: None, retry_at: tokio::time::Instant::now(), listener: None }
    }

    /// The position of the last event that was handed out.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Waits for at least one event and returns up to `max` that are there, in order, each position following the one before.
    ///
    /// Safe to cancel: what was not returned will be.
    ///
    /// # Errors
    /// See [`FeedError`]; the feed stays where it is.
    pub async fn next_batch(&mut self, max: usize) -> Result<Vec<Recorded>, FeedError> {
        loop {
            if let Some(batch) = self.next_from_jetstream(max).await {
                metrics::counter!("annals_feed_events_total", "source" => "jetstream").increment(count(&batch));
                return self.hand_out(batch);
            }
            let batch = log::read(&self.source.pool, self.position, i64::try_from(max).unwrap_or(i64::MAX)).await?;
            if !batch.is_empty() {
                metrics::counter!("annals_feed_events_total", "source" => "postgres").increment(count(&batch));
                return self.hand_out(batch);
            }
            let head = log::head(&self.source.pool).await?;
            if head.position < self.position {
                return Err(FeedError::Ahead { position: self.position, head: head.position });
            }
            if self.live.is_none() {
                self.log = Some(source(head.log_id));
                self.go_live().await?;
            }
        }
    }

    fn hand_out(&mut self, batch: Vec<Recorded>) -> Result<Vec<Recorded>, FeedError> {
        let last = batch.last().map_or(self.position, |event| event.position);
        let upcasters = &self.source.upcasters;
        let upcast = batch.into_iter().map(|event| {
            let position = event.position;
            upcasters.apply(event).map_err(|source| FeedError::Upcast { position, source })
        });
        let batch = upcast.collect::<Result<Vec<_>, _>>()?;
        self.position = last;
        Ok(batch)
    }

    /// What JetStream has, if it goes on right where this feed stands. `None` means: look at Postgres.
    async fn next_from_jetstream(&mut self, max: usize) -> Option<Vec<Recorded>> {
        let live = self.live.as_mut()?;
        let first = match tokio::time::timeout(PATIENCE, live.messages.next()).await {
            Ok(Some(Ok(message))) => message,
            // Silence is no proof that there is nothing.
            Err(_) => return None,
            Ok(ended) => {
                tracing::debug!(ended = ?ended.map(|message| message.map(|_| ())), "JetStream does not deliver; going on from Postgres");
                self.leave_live();
                return None;
            }
        };
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match self.accept(&message, self.position + i64::try_from(batch.len()).unwrap_or_default() + 1) {
                Accepted::Next(event) => batch.push(event),
                Accepted::Old => {}
                Accepted::Hole => {
                    metrics::counter!("annals_feed_holes_total").increment(1);
                    self.leave_live();
                    break;
                }
            }
            if batch.len() >= max {
                break;
            }
            next = match &mut self.live {
                Some(live) => futures::FutureExt::now_or_never(live.messages.next()).flatten().and_then(Result::ok),
                None => None,
            };
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn accept(&self, message: &Message, wanted: i64) -> Accepted {
        let Ok(info) = message.info() else { return Accepted::Hole };
        let position = i64::try_from(info.stream_sequence).unwrap_or(i64::MAX);
        if position < wanted {
            return Accepted::Old;
        }
        let headers = message.headers.as_ref();
        let read = headers
            .zip(self.log.as_ref())
            .and_then(|(headers, log)| event(info.stream_sequence, headers, &message.payload, log));
        match read {
            Some(event) if position == wanted => Accepted::Next(event),
            _ => Accepted::Hole,
        }
    }

    fn leave_live(&mut self) {
        self.live = None;
        self.retry_at = tokio::time::Instant::now() + RETRY;
    }

    /// Subscribes to what comes after, or, where that cannot be had, waits for Postgres to say that there is something.
    async fn go_live(&mut self) -> Result<(), FeedError> {
        if tokio::time::Instant::now() >= self.retry_at {
            match subscribe(&self.source, self.position).await {
                Ok(live) => {
                    self.live = live;
                    self.listener = None;
                    if self.live.is_some() {
                        return Ok(());
                    }
                }
                Err(error) => tracing::debug!(%error, "JetStream cannot be used just now; living on Postgres"),
            }
            self.retry_at = tokio::time::Instant::now() + RETRY;
        }
        let Some(listener) = &mut self.listener else {
            let mut listener = PgListener::connect_with(&self.source.pool).await?;
            listener.listen("annals_log").await?;
            // What was appended before we listened is found by looking once more.
            self.listener = Some(listener);
            return Ok(());
        };
        match tokio::time::timeout(PATIENCE, listener.recv()).await {
            Ok(Err(error)) => {
                self.listener = None;
                Err(error.into())
            }
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    }
}

async fn subscribe(source: &FeedSource, position: i64) -> Result<Option<Live>, async_nats::Error> {
    let Some(client) = &source.nats else { return Ok(None) };
    let jetstream = async_nats::jetstream::new(client.clone());
    let stream = jetstream.get_stream(&source.stream).await?;
    let last = i64::try_from(stream.cached_info().state.last_sequence)?;
    if last < position {
        // It is being filled: what comes next is not what this feed needs.
        return Ok(None);
    }
    let config = OrderedConfig {
        deliver_subject: client.new_inbox(),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: u64::try_from(position + 1)? },
        ..OrderedConfig::default()
    };
    let messages = stream.create_consumer(config).await?.messages().await?;
    Ok(Some(Live { messages }))
}

enum Accepted {
    Next(Recorded),
    Old,
    Hole,
}

fn count(batch: &[Recorded]) -> u64 {
    u64::try_from(batch.len()).unwrap_or_default()
}
