//! Streams are read back as they were written: from snapshots, through upcasters, and by cqrs-es's own code.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use cqrs_es::persist::{EventUpcaster, PersistedEventRepository as _, QueryReplay, SemanticVersionEventUpcaster};
use cqrs_es::{CqrsFramework, EventEnvelope, Query};
use futures::TryStreamExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Command, Event, Tally, count, events, noon, request};
use event_store::log::Place;
use event_store::{EventStore, Repository, Settings, Target, Upcasters};
use postgres_es::PostgresEventRepository;
use sqlx::PgPool;

fn store(pool: &PgPool, snapshot_every: i64, state_version: &str) -> EventStore {
    let settings = Settings { snapshot_every, state_version: state_version.to_owned(), ..Settings::default() };
    EventStore::start(pool.clone(), Upcasters::default(), settings)
}

async fn state(store: &EventStore) -> Tally {
    store.read(Target::existing("s"), Tally::clone).await.unwrap()
}

/// Waits for the snapshot, which is stored off the way of the answer.
async fn snapshot(pool: &PgPool, sequence: i64) -> serde_json::Value {
    for _ in 0..3_000 {
        let stored: Option<(i64, serde_json::Value)> =
            sqlx::query_as("select sequence, state from snapshots").fetch_optional(pool).await.unwrap();
        match stored {
            Some((at, state)) if at == sequence => return state,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("no snapshot of sequence {sequence} was stored");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_snapshot_holds_each_event_once(pool: PgPool) {
    let writer = store(&pool, 5, "1");
    for _ in 0..3 {
        writer.execute(&request(), Target::<Tally>::existing("s"), count(2)).await.unwrap();
    }
    assert_eq!(snapshot(&pool, 6).await, serde_json::json!({"total": 6, "events": 6}));
    writer.execute(&request(), Target::<Tally>::existing("s"), count(1)).await.unwrap();
    assert_eq!(state(&store(&pool, 5, "1")).await, Tally { total: 7, events: 7 });
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_is_loaded_from_its_snapshot_and_only_the_events_since(pool: PgPool) {
    let writer = store(&pool, 5, "1");
    writer.execute(&request(), Target::<Tally>::existing("s"), count(6)).await.unwrap();
    snapshot(&pool, 6).await;
    writer.execute(&request(), Target::<Tally>::existing("s"), count(2)).await.unwrap();
    // Seen to be used: it says something else than the events.
    sqlx::query("update snapshots set state = '{\"total\": 100, \"events\": 6}'").execute(&pool).await.unwrap();
    assert_eq!(state(&store(&pool, 5, "1")).await, Tally { total: 102, events: 8 });
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_snapshot_of_another_version_or_shape_is_not_used(pool: PgPool) {
    let writer = store(&pool, 5, "1");
    writer.execute(&request(), Target::<Tally>::existing("s"), count(6)).await.unwrap();
    snapshot(&pool, 6).await;
    sqlx::query("update snapshots set state = '{\"total\": 100, \"events\": 6}'").execute(&pool).await.unwrap();
    assert_eq!(state(&store(&pool, 5, "2")).await, Tally { total: 6, events: 6 });
    sqlx::query("update snapshots set state = '[\"something else\"]'").execute(&pool).await.unwrap();
    assert_eq!(state(&store(&pool, 5, "1")).await, Tally { total: 6, events: 6 });
}

/// Version 0.9 of the event called `by` `amount`.
fn upcasters() -> Vec<Box<dyn EventUpcaster>> {
    let today = |mut payload: serde_json::Value| {
        if let Some(counted) = payload.get_mut("counted").and_then(|counted| counted.as_object_mut())
            && let Some(amount) = counted.remove("amount")
        {
            counted.insert("by".to_owned(), amount);
        }
        payload
    };
    vec![Box::new(SemanticVersionEventUpcaster::new("tally.counted", "1.0.0", Box::new(today)))]
}

async fn write_an_old_event(pool: &PgPool) {
    sqlx::raw_sql(
        r#"insert into events values (1, 'tally', 's', 1, gen_random_uuid(), 'tally.counted', '0.9.0',
               '{"counted": {"amount": 5, "before": 0, "note": ""}}', '{"actor": "somebody"}', now());
           update log_head set position = 1"#,
    )
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn old_events_are_upcast_when_a_stream_is_loaded(pool: PgPool) {
    write_an_old_event(&pool).await;
    let store = EventStore::start(pool.clone(), Upcasters::new(upcasters()), Settings::default());
    assert_eq!(state(&store).await, Tally { total: 5, events: 1 });
    assert_eq!(store.execute(&request(), Target::<Tally>::existing("s"), count(1)).await.unwrap().sequence, 2);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn old_events_are_upcast_in_the_repository(pool: PgPool) {
    write_an_old_event(&pool).await;
    let store = EventStore::start(pool.clone(), Upcasters::new(upcasters()), Settings::default());
    let repository = Repository::new(store, noon);
    let read = repository.get_events::<Tally>("s").await.unwrap();
    assert_eq!(read[0].payload["counted"]["by"], 5);
    assert_eq!(replayed(repository).await, [Event::Counted { by: 5, before: 0, note: String::new() }]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn old_events_are_upcast_when_the_log_is_read(pool: PgPool) {
    write_an_old_event(&pool).await;
    let event = event_store::log::read(&pool, 0, 10).await.unwrap().remove(0);
    assert!(event.decode::<Event>().is_err(), "it is an old one");
    let upcast = Upcasters::new(upcasters()).apply(event).unwrap();
    assert_eq!(upcast.decode::<Event>().unwrap(), Event::Counted { by: 5, before: 0, note: String::new() });
    assert_eq!((upcast.position, upcast.sequence), (1, 1));
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

#[async_trait::async_trait]
impl Query<Tally> for Seen {
    async fn dispatch(&self, _: &str, events: &[EventEnvelope<Tally>]) {
        self.0.lock().unwrap().extend(events.iter().map(|event| event.payload.clone()));
    }
}

async fn replayed(repository: impl cqrs_es::persist::PersistedEventRepository) -> Vec<Event> {
    let seen = Seen::default();
    QueryReplay::<_, _, Tally>::new(repository, seen.clone()).replay_all().await.unwrap();
    let events = seen.0.lock().unwrap();
    events.clone()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stock_postgres_es_repository_reads_and_replays_our_log(pool: PgPool) {
    let store = store(&pool, 500, "1");
    store.execute(&request(), Target::<Tally>::existing("s"), count(3)).await.unwrap();
    store.execute(&request(), Target::<Tally>::existing("t"), count(2)).await.unwrap();
    let stock = PostgresEventRepository::new(pool.clone());
    let read = stock.get_events::<Tally>("s").await.unwrap();
    assert_eq!(read.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    let envelope: EventEnvelope<Tally> = read[2].clone().try_into().unwrap();
    assert_eq!(envelope.payload, Event::Counted { by: 1, before: 2, note: String::new() });
    assert_eq!(envelope.metadata["actor"], "tester");
    assert_eq!(stock.get_last_events::<Tally>("s", 1).await.unwrap().len(), 2);
    assert_eq!(replayed(stock).await.len(), 5);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_cqrs_framework_works_on_our_log(pool: PgPool) {
    let store = store(&pool, 500, "1");
    let repository = Repository::new(store.clone(), noon);
    let framework = CqrsFramework::new(repository.into_event_store::<Tally>(), Vec::new(), ());
    framework.execute("s", count(2)).await.unwrap();
    store.execute(&request(), Target::<Tally>::existing("s"), count(1)).await.unwrap();
    framework.execute("s", Command::CountUpTo { limit: 4 }).await.unwrap();
    assert!(framework.execute("s", Command::CountUpTo { limit: 4 }).await.is_err());
    assert_eq!(state(&store).await, Tally { total: 4, events: 4 });
    assert_eq!(events(&pool).await, 4);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_repository_does_not_write_over_what_it_has_not_read(pool: PgPool) {
    let store = store(&pool, 500, "1");
    store.execute(&request(), Target::<Tally>::existing("s"), count(2)).await.unwrap();
    let repository = Repository::new(store, noon);
    let first = repository.get_events::<Tally>("s").await.unwrap().remove(0);
    let written = repository.persist::<Tally>(&[first], None).await;
    assert!(matches!(written, Err(cqrs_es::persist::PersistenceError::OptimisticLockError)), "{written:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_scan_that_meets_a_hole_ends_with_an_error_and_not_as_if_it_were_complete(pool: PgPool) {
    let writer = store(&pool, 100, "1");
    writer.execute(&request(), Target::<Tally>::existing("s"), count(50)).await.unwrap();
    let scanned: Vec<_> = event_store::log::scan(pool.clone(), 10, 50).try_concat().await.unwrap();
    assert_eq!(scanned.iter().map(|event| event.position).collect::<Vec<_>>(), (11..=50).collect::<Vec<_>>());
    assert!(matches!(
        event_store::log::scan(pool.clone(), 10, 60).try_concat().await,
        Err(event_store::log::ScanError::Missing(51))
    ));
    sqlx::raw_sql("alter table events disable trigger all; delete from events where position = 30")
        .execute(&pool)
        .await
        .unwrap();
    assert!(matches!(
        event_store::log::scan(pool.clone(), 10, 50).try_concat().await,
        Err(event_store::log::ScanError::Missing(30))
    ));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_place_is_known_by_its_event_not_by_its_number(pool: PgPool) {
    let writer = store(&pool, 500, "1");
    writer.execute(&request(), Target::<Tally>::new("s"), count(2)).await.unwrap();
    let events = event_store::log::read(&pool, 0, 2).await.unwrap();
    let (first, second) = (Place::from(&events[0]), Place::from(&events[1]));
    assert!(second.is_in_the_log(&pool).await.unwrap());
    assert!(Place::START.is_in_the_log(&pool).await.unwrap());
    assert!(!Place { event_id: first.event_id, ..second }.is_in_the_log(&pool).await.unwrap(), "another event there");
    assert!(!Place { position: 3, ..second }.is_in_the_log(&pool).await.unwrap(), "beyond the end");
}
