//! A small aggregate, whose events say what they were decided on.
#![expect(dead_code, reason = "each test file uses its part of this")]

use chrono::{DateTime, Utc};
use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use event_store::{Idempotency, Metadata, Request};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

/// Counts, up to a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) total: i64,
    pub(crate) events: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// `before` is the total that the decision saw.
    Counted { by: i64, before: i64, note: String },
}

#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// So many events, each adding one.
    Count {
        events: i64,
        note: String,
    },
    /// One event that adds so much.
    Add {
        by: i64,
    },
    /// Refused when the total would be above.
    CountUpTo {
        limit: i64,
    },
    Nothing,
    /// Waits for something, which a decision must not.
    Dawdle,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit is reached")]
pub(crate) struct Full;

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "tally.counted".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Tally {
    const TYPE: &'static str = "tally";
    type Command = Command;
    type Event = Event;
    type Error = Full;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Full> {
        let (events, note) = match command {
            Command::Add { by } => {
                sink.write(Event::Counted { by, before: self.total, note: String::new() }, self).await;
                return Ok(());
            }
            Command::Count { events, note } => (events, note),
            Command::CountUpTo { limit } if self.total >= limit => return Err(Full),
            Command::CountUpTo { .. } => (1, String::new()),
            Command::Nothing => (0, String::new()),
            Command::Dawdle => {
                tokio::task::yield_now().await;
                (1, String::new())
            }
        };
        for _ in 0..events {
            sink.write(Event::Counted { by: 1, before: self.total, note: note.clone() }, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, Event::Counted { by, .. }: Event) {
        self.total += by;
        self.events += 1;
    }
}

pub(crate) fn count(events: i64) -> Command {
    Command::Count { events, note: String::new() }
}

pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

pub(crate) fn request() -> Request {
    Request {
        metadata: Metadata {
            correlation_id: Uuid::nil(),
            causation_id: None,
            actor: "tester".to_owned(),
            actor_kind: "test".to_owned(),
            command: "count".to_owned(),
            traceparent: None,
        },
        now: noon(),
        idempotency: None,
        expected: None,
        enqueued: None,
    }
}

pub(crate) fn keyed(key: &str, fingerprint: u8) -> Request {
    let idempotency =
        Idempotency { principal: "tester".to_owned(), key: key.to_owned(), fingerprint: [fingerprint; 32] };
    Request { idempotency: Some(idempotency), ..request() }
}

/// Each stream's sequences are 1, 2, 3 …, and each event was decided on exactly what is before it.
pub(crate) async fn every_decision_saw_what_the_log_says(pool: &PgPool) {
    let wrong: i64 = sqlx::query_scalar(
        "select count(*) from (
             select sequence, row_number() over stream as place, (payload #>> '{counted,before}')::bigint as before,
                    coalesce(sum((payload #>> '{counted,by}')::bigint) over (stream rows between unbounded preceding and 1 preceding), 0) as total
             from events window stream as (partition by aggregate_type, aggregate_id order by position)
         ) e where sequence <> place or before <> total",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!(wrong, 0, "events whose decision saw something else than the log says");
}

pub(crate) async fn events(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from events").fetch_one(pool).await.unwrap()
}
