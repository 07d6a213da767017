//! Events in order from a position, live.
//!
//! What is old comes from Postgres, what is new from JetStream as soon as it is published, and whatever JetStream does not have, or is
//! late with, from Postgres again: the server syncs each message to disk, and under load a reader need not wait for that. Positions are
//! checked: each event follows the one before it. Nothing is handed out that the log does not have: the ids of what JetStream delivers are
//! looked up, and what is read from the log follows the event that was handed out last.

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::push::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use futures::StreamExt as _;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::deadline::within;
use crate::log::Place;
use crate::message::{event, source};
use crate::{Recorded, Upcasters, log};

/// How long an answer of Postgres is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a feed that got and heard nothing waits before it looks at the log itself.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a feed that knows of an event waits for JetStream to deliver it before it reads the log itself.
const GRACE: Duration = Duration::from_millis(3);
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
    /// The feed stands at an event that the log does not have: the log was restored or replaced.
    #[error("the feed stands at {position}, and the log does not have that event: it was restored or replaced")]
    Lost {
        /// Where the feed stands.
        position: i64,
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
    place: Place,
    /// What messages of this log name as their source.
    log: Option<String>,
    live: Option<Live>,
    /// On its way to be live: JetStream may take long to answer, and nobody waits for that.
    going_live: Option<AbortOnDropHandle<Result<Option<Live>, async_nats::Error>>>,
    /// When JetStream is tried again.
    retry_at: Instant,
    listener: Option<PgListener>,
    /// Where the log ends, as Postgres has told.
    announced: i64,
    /// When the log is looked at again, though nothing has been announced: an announcement can be lost.
    look_at: Instant,
}

struct Live {
    messages: push::Ordered,
}

impl Feed {
    /// A feed of all events after `after`.
    #[must_use]
    pub fn open(source: FeedSource, after: Place) -> Self {
        let now = Instant::now();
        Self {
            source,
            place: after,
            log: None,
            live: None,
            going_live: None,
            retry_at: now,
            listener: None,
            announced: 0,
            look_at: now,
        }
    }

    /// The position of the last event that was handed out.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.place.position
    }

    /// Waits for at least one event and returns up to `max` that are there, in order, each position following the one before; none, if
    /// there are none by `until`.
    ///
    /// Safe to cancel, as what was not returned will be; but that may cost a connection to Postgres, which `until` does not.
    ///
    /// # Errors
    /// See [`FeedError`]; the feed stays where it is.
    pub async fn next_batch(&mut self, max: usize, until: Instant) -> Result<Vec<Recorded>, FeedError> {
        if self.listener.is_none() {
            let listening = async {
                let mut listener = PgListener::connect_with(&self.source.pool).await?;
                listener.listen("annals_log").await?;
                Ok(listener)
            };
            self.listener = Some(within(ANSWER, listening).await?);
            self.look_at = Instant::now();
        }
        loop {
            match self.next_from_jetstream(max, until).await {
                FromJetStream::Events(batch)
                    if !within(ANSWER, follow(&self.source.pool, self.place, &batch)).await? =>
                {
                    metrics::counter!("annals_feed_foreign_total").increment(1);
                    tracing::warn!(
                        position = self.position() + 1,
                        "JetStream delivers what is not in the log; going on from Postgres"
                    );
                    self.leave_live();
                    continue;
                }
                FromJetStream::Events(batch) => {
                    metrics::counter!("annals_feed_events_total", "source" => "jetstream").increment(count(&batch));
                    if self.live.is_some() {
                        self.look_at = Instant::now() + PATIENCE;
                    }
                    return self.hand_out(batch);
                }
                FromJetStream::TooLate => return Ok(Vec::new()),
                FromJetStream::Nothing => {}
            }
            if self.announced > self.position() || self.look_at <= Instant::now() {
                let limit = i64::try_from(max).unwrap_or(i64::MAX);
                let batch = within(ANSWER, log::read_after(&self.source.pool, self.place, limit)).await?;
                let batch = batch.ok_or(FeedError::Lost { position: self.position() })?;
                let took_all = batch.len() < max && self.log.is_some();
                self.look_at = Instant::now() + if took_all { PATIENCE } else { Duration::ZERO };
                if !batch.is_empty() {
                    metrics::counter!("annals_feed_events_total", "source" => "postgres").increment(count(&batch));
                    return self.hand_out(batch);
                }
                let head = within(ANSWER, log::head(&self.source.pool)).await?;
                self.log = Some(source(head.log_id));
                self.announced = head.position;
            }
            if self.live.is_none() {
                self.go_live(until).await?;
                if Instant::now() >= until {
                    return Ok(Vec::new());
                }
            }
        }
    }

    fn hand_out(&mut self, batch: Vec<Recorded>) -> Result<Vec<Recorded>, FeedError> {
        let last = batch.last().map_or(self.place, Place::from);
        let batch = up_to_date(&self.source.upcasters, batch)?;
        self.place = last;
        Ok(batch)
    }

    /// What JetStream has, if it goes on right where this feed stands.
    async fn next_from_jetstream(&mut self, max: usize, until: Instant) -> FromJetStream {
        let mut late = None;
        let first = loop {
            if self.announced > self.place.position && late.is_none() {
                late = Some(Instant::now() + GRACE);
            }
            let Some(live) = self.live.as_mut() else { return FromJetStream::Nothing };
            let listener = self.listener.as_mut();
            tokio::select! {
                biased;
                next = live.messages.next() => match next {
                    Some(Ok(message)) => break message,
                    ended => {
                        tracing::debug!(?ended, "JetStream does not deliver; going on from Postgres");
                        self.leave_live();
                        return FromJetStream::Nothing;
                    }
                },
                announced = announcement(listener) => match announced {
                    Ok(position) => self.announced = position,
                    Err(_) => self.listener = None,
                },
                // Silence is no proof that there is nothing.
                () = tokio::time::sleep_until(late.unwrap_or(self.look_at)) => {
                    if late.is_some() {
                        self.leave_live();
                    }
                    return FromJetStream::Nothing;
                }
                () = tokio::time::sleep_until(until) => return FromJetStream::TooLate,
            }
        };
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match self.accept(&message, self.position() + i64::try_from(batch.len()).unwrap_or_default() + 1) {
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
        if batch.is_empty() { FromJetStream::Nothing } else { FromJetStream::Events(batch) }
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
        self.look_at = Instant::now();
        self.retry_at = Instant::now() + RETRY;
    }

    /// Waits for Postgres to say that there is something, or until JetStream delivers what comes after.
    async fn go_live(&mut self, until: Instant) -> Result<(), FeedError> {
        if self.going_live.is_none() && self.source.nats.is_some() && Instant::now() >= self.retry_at {
            let (source, position) = (self.source.clone(), self.position());
            self.going_live =
                Some(AbortOnDropHandle::new(tokio::spawn(async move { subscribe(&source, position).await })));
        }
        while self.announced <= self.place.position {
            let Self { listener, going_live, .. } = self;
            tokio::select! {
                announced = announcement(listener.as_mut()) => match announced {
                    Ok(position) => self.announced = position,
                    Err(error) => {
                        self.listener = None;
                        return Err(error.into());
                    }
                },
                live = subscribed(going_live.as_mut()) => {
                    self.going_live = None;
                    match live {
                        Ok(live) => self.live = live,
                        Err(error) => tracing::debug!(%error, "JetStream cannot be used just now; living on Postgres"),
                    }
                    self.retry_at = Instant::now() + RETRY;
                    return Ok(());
                }
                () = tokio::time::sleep_until(until.min(self.look_at)) => return Ok(()),
            }
        }
        Ok(())
    }
}

async fn subscribed(
    going: Option<&mut AbortOnDropHandle<Result<Option<Live>, async_nats::Error>>>,
) -> Result<Option<Live>, async_nats::Error> {
    match going {
        Some(going) => going.await?,
        None => std::future::pending().await,
    }
}

pub(crate) fn up_to_date(upcasters: &Upcasters, events: Vec<Recorded>) -> Result<Vec<Recorded>, FeedError> {
    let upcast = events.into_iter().map(|event| {
        let position = event.position;
        upcasters.apply(event).map_err(|source| FeedError::Upcast { position, source })
    });
    upcast.collect()
}

/// Waits for Postgres to tell where the log now ends.
async fn announcement(listener: Option<&mut PgListener>) -> Result<i64, sqlx::Error> {
    match listener {
        Some(listener) => Ok(listener.recv().await?.payload().parse().unwrap_or_default()),
        None => std::future::pending().await,
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

enum FromJetStream {
    Events(Vec<Recorded>),
    /// Postgres may have some.
    Nothing,
    /// Nothing until then.
    TooLate,
}

enum Accepted {
    Next(Recorded),
    Old,
    Hole,
}

/// Whether the log has these events, and still the one that they are to follow.
async fn follow(pool: &PgPool, place: Place, batch: &[Recorded]) -> Result<bool, sqlx::Error> {
    let places: Vec<Place> = std::iter::once(place).chain(batch.iter().map(Place::from)).collect();
    log::has_all(pool, &places).await
}

fn count(batch: &[Recorded]) -> u64 {
    u64::try_from(batch.len()).unwrap_or_default()
}
