//! What is measured on both sides: an aggregate that takes note of things; and the stock cqrs-es + postgres-es around it.

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{GenericQuery, PersistedEventStore};
use cqrs_es::{Aggregate, CqrsFramework, DomainEvent, EventEnvelope, Query, View};
use postgres_es::{PostgresEventRepository, PostgresViewRepository};
use serde::{Deserialize, Serialize};
use sqlx::{Executor as _, PgPool};

/// Takes note of things.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Notebook {
    notes: u64,
}

/// Take note of this.
#[derive(Debug, Clone)]
pub(crate) struct Note(pub(crate) String);

/// Something was noted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Noted { text: String },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "notes.noted".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

impl Aggregate for Notebook {
    const TYPE: &'static str = "notebook";
    type Command = Note;
    type Event = Event;
    type Error = std::io::Error;
    type Services = ();

    async fn handle(&mut self, Note(text): Note, (): &(), sink: &EventSink<Self>) -> Result<(), std::io::Error> {
        sink.write(Event::Noted { text }, self).await;
        Ok(())
    }

    fn apply(&mut self, _: Event) {
        self.notes += 1;
    }
}

/// How many notes a notebook has, as a view.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    notes: u64,
}

impl View<Notebook> for Count {
    fn update(&mut self, _: &EventEnvelope<Notebook>) {
        self.notes += 1;
    }
}

/// A note of ordinary length.
pub(crate) fn note() -> Note {
    Note(
        "the quick brown fox jumps over the lazy dog and goes on to do so all day, for about this many bytes"
            .to_owned(),
    )
}

pub(crate) type Framework = CqrsFramework<Notebook, PersistedEventStore<PostgresEventRepository, Notebook>>;

/// Stock cqrs-es + postgres-es on tables of its own.
pub(crate) async fn framework(pool: &PgPool, queries: Vec<Box<dyn Query<Notebook>>>) -> anyhow::Result<Framework> {
    pool.execute(
        "create table if not exists peer_events (aggregate_type text not null, aggregate_id text not null, sequence bigint not null check (sequence >= 0),
             event_type text not null, event_version text not null, payload json not null, metadata json not null, timestamp timestamptz not null default now(),
             primary key (aggregate_type, aggregate_id, sequence));
         create table if not exists peer_snapshots (aggregate_type text not null, aggregate_id text not null, last_sequence bigint not null,
             current_snapshot bigint not null, payload json not null, timestamp timestamptz not null default now(), primary key (aggregate_type, aggregate_id, last_sequence));
         create table if not exists peer_view (view_id text primary key, version bigint not null check (version >= 0), payload json not null)",
    )
    .await?;
    Ok(CqrsFramework::new(PersistedEventStore::new_event_store(repository(pool)), queries, ()))
}

pub(crate) fn repository(pool: &PgPool) -> PostgresEventRepository {
    PostgresEventRepository::new(pool.clone()).with_tables("peer_events", "peer_snapshots")
}

/// A view of the stock kind.
pub(crate) fn view(pool: &PgPool) -> GenericQuery<PostgresViewRepository<Count, Notebook>, Count, Notebook> {
    GenericQuery::new(std::sync::Arc::new(PostgresViewRepository::new("peer_view", pool.clone())))
}
