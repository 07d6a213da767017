//! Workers on a real Postgres: exactly once, one at a time, stopping at what cannot be applied.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod tally;

use std::collections::BTreeSet;
use std::time::Duration;

use event_store::Lease;
use event_store::log::Place;
use projector::AnyProjection as _;
use projector::batch::{BatchError, Model};
use projector::rebuild::RebuildSettings;
use projector::registry::Registered;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;
use tally::{Other, Tally, append, counted, settled, source, work};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn of_several_workers_that_come_and_go_each_event_is_applied_once(pool: PgPool) {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut running = Vec::new();
    for round in 0..40 {
        append(&pool, &format!("s{}", random.random_range(0..5)), random.random_range(1..8)).await;
        if running.len() < 3 {
            running.push(work(Tally, &pool, &format!("worker-{round}"), random.random_range(1..20)));
        }
        if random.random_bool(0.5) {
            drop(running.swap_remove(random.random_range(0..running.len())));
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
    }
    running.push(work(Tally, &pool, "last", 7));
    let head = settled(&pool, "tally").await;
    assert_eq!(counted(&pool, "tally").await, head, "each event counts one");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn rows_are_looked_up_by_key_however_small_the_table_was_a_moment_ago(pool: PgPool) {
    const STREAMS: i64 = 2_000;
    let worker = work(Tally, &pool, "worker", 20);
    for n in 0..STREAMS {
        append(&pool, &n.to_string(), 1).await;
    }
    settled(&pool, "tally").await;
    // A session tells the statistics what it has read when it ends.
    drop(worker);
    let mut tries = 0;
    loop {
        let (written, scanned): (i64, i64) = sqlx::query_as(
            "select n_tup_ins, seq_tup_read from pg_stat_user_tables where schemaname = 'tally' and relname = 'count'",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        if written == STREAMS {
            assert_eq!(scanned, 0, "rows read by scans of the whole table");
            break;
        }
        tries += 1;
        assert!(tries < 100, "the statistics tell of {written} of {STREAMS} rows");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A model whose writer stands at a position, and a lease on it.
async fn writer(pool: &PgPool, holder: &str, place: Place) -> (Model<Tally>, Lease) {
    let lease = Lease::acquire(pool, "projection/tally", holder, Duration::from_millis(300)).await.unwrap().unwrap();
    (Model::new(Tally, "tally", place, BTreeSet::new()), lease)
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn of_two_who_write_one_model_the_second_commits_nothing(pool: PgPool) {
    let worker = work(Tally, &pool, "first", 5);
    settled(&pool, "tally").await;
    drop(worker);
    tokio::time::sleep(Duration::from_millis(600)).await;
    append(&pool, "s", 10).await;
    let events_before = event_store::log::read(&pool, 0, 10).await.unwrap();
    let events = &events_before;
    // The same holder twice: the lease lets both through, the checkpoint only one.
    let (mut one, lease) = writer(&pool, "twin", Place::START).await;
    let (mut other, same_lease) = writer(&pool, "twin", Place::START).await;
    one.apply(&mut pool.acquire().await.unwrap(), events, &lease).await.unwrap();
    assert!(matches!(
        other.apply(&mut pool.acquire().await.unwrap(), events, &same_lease).await,
        Err(BatchError::Fenced)
    ));
    assert_eq!(counted(&pool, "tally").await, 10);
    // Who has lost the lease commits nothing either, wherever it stands.
    append(&pool, "s", 5).await;
    let events = event_store::log::read(&pool, 10, 5).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let (mut heir, taken) = writer(&pool, "heir", Place::from(&events_before[9])).await;
    assert!(matches!(one.apply(&mut pool.acquire().await.unwrap(), &events, &lease).await, Err(BatchError::Fenced)));
    assert_eq!(counted(&pool, "tally").await, 10);
    heir.apply(&mut pool.acquire().await.unwrap(), &events, &taken).await.unwrap();
    assert_eq!(counted(&pool, "tally").await, 15);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn more_rows_than_one_statement_takes_are_written_whole_or_not_at_all(pool: PgPool) {
    const STREAMS: i64 = 10_500;
    let worker = work(Tally, &pool, "worker", 5);
    settled(&pool, "tally").await;
    drop(worker);
    let lease = Lease::acquire(&pool, "test", "tester", Duration::from_secs(60)).await.unwrap().unwrap();
    sqlx::query(
        "insert into events select n, 'thing', n::text, 1, gen_random_uuid(), 'thing.happened', '1.0', '{}', '{}', now()
         from generate_series(1, $1) n",
    )
    .bind(STREAMS)
    .execute(&pool)
    .await
    .unwrap();
    let events = event_store::log::read(&pool, 0, STREAMS).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let mut misplaced = Model::new(Tally, "tally", Place::from(&events[6]), BTreeSet::new());
    assert!(matches!(misplaced.apply(&mut connection, &events, &lease).await, Err(BatchError::Fenced)));
    assert_eq!(counted(&pool, "tally").await, 0);
    Model::new(Tally, "tally", Place::START, BTreeSet::new()).apply(&mut connection, &events, &lease).await.unwrap();
    assert_eq!(counted(&pool, "tally").await, STREAMS);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn an_event_that_cannot_be_applied_stops_its_projection_there_and_no_other(pool: PgPool) {
    append(&pool, "a", 5).await;
    append(&pool, tally::POISON, 1).await;
    append(&pool, "a", 5).await;
    let _tally = work(Tally, &pool, "one", 100);
    let _other = work(Other, &pool, "one", 100);
    settled(&pool, "other").await;
    let stopped = tally::stopped(&pool).await;
    assert_eq!((stopped.position, stopped.stopped_at_position), (5, Some(6)));
    assert!(stopped.error.unwrap().contains("poison"));
    assert_eq!(counted(&pool, "tally").await, 5, "what came before it is there");
    assert_eq!(counted(&pool, "other").await, 11);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_rebuild_beside_a_live_worker_gives_the_same_rows_and_goes_live(pool: PgPool) {
    for stream in ["a", "b", "c"] {
        append(&pool, stream, 20).await;
    }
    let _live = work(Tally, &pool, "live", 10);
    settled(&pool, "tally").await;
    let before = tally::rows(&pool).await;
    let writer = tokio::spawn({
        let pool = pool.clone();
        async move {
            for _ in 0..20 {
                append(&pool, "d", 3).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let settings = RebuildSettings { events_per_step: 25, rows_in_memory: 2, ..RebuildSettings::default() };
    Registered(Tally).rebuild(&source(&pool), &settings, &|_| {}).await.unwrap();
    writer.await.unwrap();
    let head = settled(&pool, "tally").await;
    assert_eq!((head, counted(&pool, "tally").await), (120, 120));
    let after = tally::rows(&pool).await;
    assert_eq!(before, after.into_iter().filter(|(stream, _)| stream != "d").collect::<Vec<_>>());
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_rebuild_that_was_broken_off_goes_on_where_it_stood(pool: PgPool) {
    for _ in 0..10 {
        append(&pool, "a", 20).await;
    }
    let settings = RebuildSettings { events_per_step: 50, ..RebuildSettings::default() };
    // Let go of at the first report after the first step.
    let (broken, source) = (CancellationToken::new(), source(&pool));
    let report = |progress: projector::rebuild::Progress| {
        if progress.position > 50 {
            broken.cancel();
        }
    };
    tokio::select! {
        _ = Registered(Tally).rebuild(&source, &settings, &report) => {}
        () = broken.cancelled() => {}
    }
    let settings = RebuildSettings { holder: "again".to_owned(), ..settings };
    sqlx::query("update leases set expires_at = now() - interval '1 second'").execute(&pool).await.unwrap();
    let progress = Registered(Tally).rebuild(&source, &settings, &|_| {}).await.unwrap();
    assert_eq!((progress.position, counted(&pool, "tally").await), (200, 200));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn two_rebuilds_of_one_projection_at_once_are_refused(pool: PgPool) {
    append(&pool, "a", 20).await;
    let (one, two) = (
        RebuildSettings { holder: "one".into(), ..Default::default() },
        RebuildSettings { holder: "two".into(), ..Default::default() },
    );
    let lease = Lease::acquire(&pool, "projection/tally__next", &one.holder, one.lease).await.unwrap().unwrap();
    let _renewing = AbortOnDropHandle::new(tokio::spawn({
        let pool = pool.clone();
        async move {
            while lease.renew(&pool).await.unwrap() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }));
    let refused = Registered(Tally).rebuild(&source(&pool), &two, &|_| {}).await;
    assert!(matches!(refused, Err(projector::rebuild::RebuildError::Busy(_))), "{refused:?}");
}

/// A rebuild that is broken off before it has written anything, so that its tables are there.
async fn begun(pool: &PgPool) {
    let settings = RebuildSettings::default();
    let stop = settings.stop.clone();
    let broken = Registered(Tally).rebuild(&source(pool), &settings, &move |_| stop.cancel()).await;
    assert!(matches!(broken, Err(projector::rebuild::RebuildError::Interrupted)), "{broken:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_rebuild_keeps_its_lease_however_long_a_write_takes(pool: PgPool) {
    append(&pool, "a", 20).await;
    begun(&pool).await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("lock table tally__next.count in share mode").execute(&mut *reader).await.unwrap();
    let rebuild = tokio::spawn({
        let source = source(&pool);
        let settings =
            RebuildSettings { lease: Duration::from_millis(500), holder: "slow".into(), ..Default::default() };
        async move { Registered(Tally).rebuild(&source, &settings, &|_| {}).await }
    });
    tokio::time::sleep(Duration::from_millis(2500)).await;
    reader.rollback().await.unwrap();
    assert_eq!(rebuild.await.unwrap().unwrap().position, 20);
    assert_eq!(counted(&pool, "tally").await, 20);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_reader_that_stays_keeps_no_rebuild_from_its_end(pool: PgPool) {
    append(&pool, "a", 20).await;
    let rebuild = async |holder: &str| {
        let settings = RebuildSettings { holder: holder.to_owned(), ..RebuildSettings::default() };
        Registered(Tally).rebuild(&source(&pool), &settings, &|_| {}).await.unwrap();
    };
    rebuild("one").await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("select from tally.count").execute(&mut *reader).await.unwrap();
    rebuild("two").await;
    rebuild("three").await;
    let left = projector::schema::leftovers(&pool, "tally").await.unwrap();
    assert_eq!(left.len(), 1, "what is being read stays: {left:?}");
    reader.rollback().await.unwrap();
    rebuild("four").await;
    assert!(projector::schema::leftovers(&pool, "tally").await.unwrap().is_empty());
    assert_eq!(counted(&pool, "tally").await, 20);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn after_a_rebuild_that_was_killed_the_next_waits_until_its_lease_is_over_and_goes_on(pool: PgPool) {
    append(&pool, "a", 20).await;
    begun(&pool).await;
    let ttl = Duration::from_secs(1);
    // What a killed process leaves behind: a lease that nobody renews.
    Lease::acquire(&pool, "projection/tally__next", "killed", ttl).await.unwrap().unwrap();
    let settings = RebuildSettings { holder: "next".to_owned(), lease: ttl, ..RebuildSettings::default() };
    let progress = Registered(Tally).rebuild(&source(&pool), &settings, &|_| {}).await.unwrap();
    assert_eq!((progress.position, counted(&pool, "tally").await), (20, 20));
}
