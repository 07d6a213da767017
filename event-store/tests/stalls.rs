//! A log that gives no answer, for whatever reason: no command waits without end, each is told the truth, and all goes on by itself.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::time::Duration;

use common::{Tally, count, events, every_decision_saw_what_the_log_says, request};
use cqrs_es::persist::{PersistedEventRepository as _, PersistenceError, SerializedEvent};
use e2e::postgres::Cluster;
use e2e::proxy::Proxy;
use event_store::{Error, EventStore, LogError, Repository, Settings, Target, Upcasters};
use metrics_exporter_prometheus::PrometheusBuilder;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

const SOON: Duration = Duration::from_millis(300);

fn impatient() -> Settings {
    Settings { answer_within: SOON, ..Settings::default() }
}

fn store(pool: &PgPool, settings: Settings) -> EventStore {
    EventStore::start(pool.clone(), Upcasters::default(), settings)
}

fn tally() -> Target<Tally> {
    Target::existing("s")
}

async fn one_more(store: &EventStore) -> i64 {
    store.execute(&request(), tally(), count(1)).await.unwrap().sequence
}

/// A cluster, and a pool as a service has one: sessions end when their client has gone.
async fn cluster() -> (Cluster, PgPool) {
    let cluster = Cluster::start().await.unwrap();
    cluster.create_database("annals").await.unwrap();
    let options: PgConnectOptions = cluster.url("postgres", "annals").parse().unwrap();
    let pool = e2e::postgres::connections_of_a_service(options);
    event_store::MIGRATOR.run(&pool).await.unwrap();
    (cluster, pool)
}

/// The backend that is appending, or was the last to do so.
async fn appending(pool: &PgPool) -> i32 {
    let latest = "select pid from pg_stat_activity where datname = current_database() and query like '%from append(%'
                  and pid <> pg_backend_pid() order by query_start desc limit 1";
    sqlx::query_scalar(latest).fetch_one(pool).await.unwrap()
}

async fn is_gone(pool: &PgPool, backend: i32) {
    let there = "select exists (select from pg_stat_activity where pid = $1)";
    while sqlx::query_scalar(there).bind(backend).fetch_one(pool).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn sessions_that_append(pool: &PgPool) -> i64 {
    let all = "select count(*) from pg_stat_activity where datname = current_database() and query like '%from append(%'
               and pid <> pg_backend_pid()";
    sqlx::query_scalar(all).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_frozen_backend_is_left_and_the_command_is_done_once() {
    let (cluster, pool) = cluster().await;
    let store = store(&pool, impatient());
    assert_eq!(one_more(&store).await, 1);
    let frozen = appending(&pool).await;
    cluster.signal("STOP", frozen).await.unwrap();
    assert_eq!(one_more(&store).await, 2);
    cluster.signal("CONT", frozen).await.unwrap();
    is_gone(&pool, frozen).await;
    assert_eq!(one_more(&store).await, 3);
    assert_eq!(events(&pool).await, 3);
    every_decision_saw_what_the_log_says(&pool).await;
}

#[tokio::test]
async fn a_backend_frozen_while_it_holds_the_log_commits_later_and_the_command_is_done_once() {
    let (cluster, pool) = cluster().await;
    let store = store(&pool, impatient());
    assert_eq!(one_more(&store).await, 1);
    let mut locked = pool.begin().await.unwrap();
    sqlx::query("lock table events in share mode").execute(&mut *locked).await.unwrap();
    let sent = tokio::spawn({
        let store = store.clone();
        async move { one_more(&store).await }
    });
    let waits = "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%from append(%'";
    let frozen = loop {
        if let Some(pid) = sqlx::query_scalar::<_, i32>(waits).fetch_optional(&mut *locked).await.unwrap() {
            break pid;
        }
        tokio::task::yield_now().await;
    };
    cluster.signal("STOP", frozen).await.unwrap();
    locked.commit().await.unwrap();
    // Some tries behind it.
    tokio::time::sleep(SOON * 4).await;
    assert!(sessions_that_append(&pool).await <= 4, "the tries that were given up pile up");
    cluster.signal("CONT", frozen).await.unwrap();
    assert_eq!(sent.await.unwrap(), 2);
    is_gone(&pool, frozen).await;
    assert_eq!(events(&pool).await, 2);
    every_decision_saw_what_the_log_says(&pool).await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_any_more_is_left_and_found_again_when_it_does() {
    let (_cluster, pool) = cluster().await;
    let store = store(&pool, impatient());
    assert_eq!(one_more(&store).await, 1);
    let before = appending(&pool).await;
    let mut admin = pool.acquire().await.unwrap();
    let mut switch = async |to: &str| {
        for statement in [&*format!("alter system set default_transaction_read_only = {to}"), "select pg_reload_conf()"]
        {
            sqlx::query(statement).execute(&mut *admin).await.unwrap();
        }
    };
    switch("on").await;
    let sent = tokio::spawn({
        let store = store.clone();
        async move { one_more(&store).await }
    });
    is_gone(&pool, before).await;
    assert!(!sent.is_finished());
    switch("off").await;
    assert_eq!(sent.await.unwrap(), 2);
    assert_eq!(events(&pool).await, 2);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn connections_that_die_without_a_word_are_replaced_and_each_command_is_done_once(
    _: PgPoolOptions,
    direct: PgConnectOptions,
) {
    let proxy = Proxy::start(direct.get_port(), b"never sent").await.unwrap();
    let through = e2e::postgres::connections_of_a_service(direct.clone().port(proxy.port()));
    let pool = PgPoolOptions::new().connect_with(direct).await.unwrap();
    let store = store(&through, impatient());
    for round in 1..=4 {
        assert_eq!(one_more(&store).await, 2 * round - 1);
        proxy.let_die();
        // What is refused, read and looked at goes over other connections than what is appended.
        let total = store.read(tally(), |tally| tally.total);
        assert_eq!(tokio::time::timeout(SOON * 10, total).await.unwrap().unwrap(), 2 * round - 1);
        assert_eq!(one_more(&store).await, 2 * round);
        store.check().await.unwrap();
    }
    assert_eq!(events(&pool).await, 8);
    every_decision_saw_what_the_log_says(&pool).await;
}

fn oldest(metrics: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix("annals_append_oldest_seconds "));
    line.map_or(0.0, |value| value.parse().unwrap())
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn while_the_log_takes_nothing_commands_are_told_so_and_what_was_handed_over_is_done_later(
    pools: PgPoolOptions,
    direct: PgConnectOptions,
) {
    let recorder = PrometheusBuilder::new().build_recorder();
    // Of this thread, which all tasks of the test run on.
    let shown = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    event_store::describe_metrics();
    let pool = e2e::postgres::connections_of_a_service(direct);
    let settings = Settings { stalled_after: SOON, patience: SOON * 3, ..impatient() };
    let store = store(&pool, settings);
    store.check().await.unwrap();
    assert_eq!(store.waiting(), Duration::ZERO);
    drop(pools);

    let mut locked = pool.begin().await.unwrap();
    sqlx::query("lock table events in share mode").execute(&mut *locked).await.unwrap();
    let handed_over = tokio::spawn({
        let store = store.clone();
        async move { store.execute(&request(), Target::<Tally>::new("handed over"), count(1)).await }
    });
    while store.waiting() < SOON * 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(matches!(store.check().await, Err(LogError::Stalled { waiting }) if waiting > SOON));
    let shown_now = shown.render();
    assert!(oldest(&shown_now) > 0.0, "{shown_now}");
    assert!(shown_now.contains("# HELP annals_append_oldest_seconds "));
    let turned_away = store.execute(&request(), Target::<Tally>::new("turned away"), count(1)).await;
    assert!(matches!(turned_away, Err(Error::Stalled { waiting }) if waiting > SOON), "{turned_away:?}");
    let unknown = handed_over.await.unwrap();
    assert!(matches!(unknown, Err(Error::Unknown)), "{unknown:?}");

    locked.commit().await.unwrap();
    while store.check().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(store.waiting(), Duration::ZERO);
    while oldest(&shown.render()) > 0.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ids: Vec<String> = sqlx::query_scalar("select aggregate_id from events").fetch_all(&pool).await.unwrap();
    assert_eq!(ids, ["handed over"]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn who_falls_silent_while_it_holds_the_log_holds_it_for_a_second_only(
    _: PgPoolOptions,
    direct: PgConnectOptions,
) {
    // Only what is decided while the log is held is committed by a statement of its own.
    let proxy = Proxy::start(direct.get_port(), b"COMMIT").await.unwrap();
    let through = e2e::postgres::connections_of_a_service(direct.clone().port(proxy.port()));
    let pool = e2e::postgres::connections_of_a_service(direct);
    let (silent, other) = (store(&through, impatient()), store(&pool, Settings::default()));
    assert_eq!(one_more(&silent).await, 1);
    assert_eq!(one_more(&other).await, 2);
    proxy.swallow();
    let lost = one_more(&silent);
    let next = async {
        while sqlx::query_scalar("select not exists (select from pg_stat_activity where state = 'idle in transaction')")
            .fetch_one(&pool)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
        store(&pool, Settings::default()).execute(&request(), Target::<Tally>::new("t"), count(1)).await.unwrap()
    };
    let bound = Duration::from_secs(20);
    let (lost, next) = tokio::time::timeout(bound, futures::future::join(lost, next)).await.unwrap();
    assert_eq!((lost, next.sequence), (3, 1));
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_repository_of_cqrs_es_gives_up_as_well(pool: PgPool) {
    let repository = Repository::new(store(&pool, Settings { patience: SOON, ..impatient() }), common::noon);
    let mut locked = pool.begin().await.unwrap();
    sqlx::query("lock table events in share mode").execute(&mut *locked).await.unwrap();
    let payload = serde_json::json!({ "counted": { "by": 1, "before": 0, "note": "" } });
    let [id, kind, name, version] = ["s", "tally", "tally.counted", "1.0"].map(str::to_owned);
    let event = SerializedEvent::new(id, 1, kind, name, version, payload, serde_json::json!({}));
    let unknown = repository.persist::<Tally>(&[event], None).await;
    assert!(matches!(unknown, Err(PersistenceError::ConnectionError(_))), "{unknown:?}");
    locked.commit().await.unwrap();
    while events(&pool).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
