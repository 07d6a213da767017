//! I3: an answer to a command is true, whatever happens to the connection, and to Postgres, while it is being appended.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod common;

use std::time::Duration;

use common::{Command, Full, Tally, count, events, every_decision_saw_what_the_log_says, request};
use e2e::postgres::Cluster;
use e2e::proxy::Proxy;
use event_store::{Error, EventStore, Receipt, Settings, Target, Upcasters};
use futures::future::join_all;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

fn store(pool: &PgPool) -> EventStore {
    EventStore::start(pool.clone(), Upcasters::default(), Settings::default())
}

fn tally() -> Target<Tally> {
    Target::existing("s")
}

/// Each receipt is about an event that is in the log, at that position, and no two about the same one.
async fn are_all_in_the_log(pool: &PgPool, receipts: &[Receipt]) {
    let mut positions = Vec::new();
    for receipt in receipts {
        assert!(!receipt.replayed);
        let position: i64 = sqlx::query_scalar("select position from events where aggregate_id = $1 and sequence = $2")
            .bind(&receipt.aggregate_id)
            .bind(receipt.sequence)
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(position, receipt.position);
        positions.push(position);
    }
    positions.sort_unstable();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_commit_whose_answer_was_lost_has_one_effect_and_the_right_answer(
    options: PgPoolOptions,
    direct: PgConnectOptions,
) {
    const ROUNDS: usize = 15;
    let proxy = Proxy::start(direct.get_port(), b"the answer to this is lost").await.unwrap();
    let through = options.clone().connect_with(direct.clone().port(proxy.port())).await.unwrap();
    let pool = options.connect_with(direct).await.unwrap();
    let store = store(&through);
    let mut receipts = Vec::new();
    for _ in 0..ROUNDS {
        proxy.arm();
        let sent = (0..8).map(|n| {
            let command = Command::Count { events: 2, note: "the answer to this is lost".to_owned() };
            let target = Target::<Tally>::existing(if n % 2 == 0 { "s".to_owned() } else { format!("{n}") });
            let store = store.clone();
            async move { store.execute(&request(), target, command).await.unwrap() }
        });
        receipts.extend(join_all(sent).await);
    }
    assert_eq!(proxy.cuts(), ROUNDS);
    assert_eq!(events(&pool).await, i64::try_from(2 * receipts.len()).unwrap());
    are_all_in_the_log(&pool, &receipts).await;
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_second_try_whose_answer_was_lost_has_one_effect_and_the_right_answer(
    options: PgPoolOptions,
    direct: PgConnectOptions,
) {
    const ROUNDS: usize = 10;
    // Only what is tried again, after a lost race, is committed by a statement of its own.
    let proxy = Proxy::start(direct.get_port(), b"COMMIT").await.unwrap();
    let through = options.clone().connect_with(direct.clone().port(proxy.port())).await.unwrap();
    let pool = options.connect_with(direct).await.unwrap();
    let (other, store) = (store(&pool), store(&through));
    let mut receipts = Vec::new();
    for _ in 0..ROUNDS {
        receipts.push(other.execute(&request(), tally(), count(1)).await.unwrap());
        proxy.arm();
        let sent = (0..4).map(|_| {
            let store = store.clone();
            async move { store.execute(&request(), tally(), count(1)).await.unwrap() }
        });
        receipts.extend(join_all(sent).await);
    }
    // In the first round it knew nothing of the stream that could be wrong.
    assert_eq!(proxy.cuts(), ROUNDS - 1);
    assert_eq!(events(&pool).await, i64::try_from(receipts.len()).unwrap());
    are_all_in_the_log(&pool, &receipts).await;
    every_decision_saw_what_the_log_says(&pool).await;
}

/// Callers of two processes that go on until they are told to stop, and every receipt they got.
async fn under_load(stores: &[EventStore; 2], disturbance: impl Future<Output = ()>) -> Vec<Receipt> {
    let stop = tokio_util::sync::CancellationToken::new();
    let callers: Vec<_> = (0..12)
        .map(|n| {
            let (store, stop) = (stores[n % 2].clone(), stop.clone());
            tokio::spawn(async move {
                let mut receipts = Vec::new();
                while !stop.is_cancelled() {
                    let id = if n < 6 { "s".to_owned() } else { format!("{n}") };
                    match store.execute(&request(), Target::<Tally>::existing(id), count(1)).await {
                        Ok(receipt) => receipts.push(receipt),
                        Err(Error::Unavailable(_) | Error::Stalled { .. }) => {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                receipts
            })
        })
        .collect();
    disturbance.await;
    stop.cancel();
    join_all(callers).await.into_iter().flat_map(Result::unwrap).collect()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn connections_that_are_terminated_lose_nothing_and_double_nothing(pool: PgPool) {
    let receipts = under_load(&[store(&pool), store(&pool)], async {
        for _ in 0..15 {
            tokio::time::sleep(Duration::from_millis(15)).await;
            let _ = sqlx::query(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()",
            )
            .execute(&pool)
            .await;
        }
    })
    .await;
    assert_eq!(events(&pool).await, i64::try_from(receipts.len()).unwrap());
    are_all_in_the_log(&pool, &receipts).await;
    every_decision_saw_what_the_log_says(&pool).await;
}

#[tokio::test]
async fn postgres_killed_under_load_loses_nothing_acknowledged_and_doubles_nothing() {
    let cluster = Cluster::start().await.unwrap();
    cluster.create_database("annals").await.unwrap();
    let options = PgPoolOptions::new().acquire_timeout(Duration::from_secs(2)).max_connections(8);
    let pool = options.connect(&cluster.url("postgres", "annals")).await.unwrap();
    event_store::MIGRATOR.run(&pool).await.unwrap();
    let receipts = under_load(&[store(&pool), store(&pool)], async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cluster.kill_and_restart().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    })
    .await;
    assert!(!receipts.is_empty());
    assert_eq!(events(&pool).await, i64::try_from(receipts.len()).unwrap());
    are_all_in_the_log(&pool, &receipts).await;
    every_decision_saw_what_the_log_says(&pool).await;
}

/// Puts another history into the log, in which stream `s` has as many events as before, and says that more was counted.
async fn restore(pool: &PgPool, log_id: &str) {
    let statement = format!(
        r#"alter table events disable trigger all; alter table log_head disable trigger all;
           truncate events;
           insert into events select n, 'tally', 's', n, gen_random_uuid(), 'tally.counted', '1.0',
               '{{"counted": {{"by": 10, "before": 0, "note": ""}}}}', '{{}}', now() from generate_series(1, 3) n;
           update log_head set position = 3, log_id = {log_id};
           alter table events enable trigger all; alter table log_head enable trigger all"#
    );
    sqlx::raw_sql(&statement).execute(pool).await.unwrap();
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_is_in_memory_is_not_believed_of_another_log(pool: PgPool) {
    let store = store(&pool);
    store.execute(&request(), tally(), count(3)).await.unwrap();
    restore(&pool, "gen_random_uuid()").await;
    let full = store.execute(&request(), tally(), Command::CountUpTo { limit: 20 }).await;
    assert!(matches!(full, Err(Error::Refused(Full))), "decided on a state of the log before: {full:?}");
    assert_eq!(store.execute(&request(), tally(), count(1)).await.unwrap().position, 4);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_is_in_memory_is_not_believed_of_a_log_that_went_back(pool: PgPool) {
    let store = store(&pool);
    store.execute(&request(), tally(), count(3)).await.unwrap();
    store.execute(&request(), Target::<Tally>::new("other"), count(1)).await.unwrap();
    restore(&pool, "log_id").await;
    let full = store.execute(&request(), tally(), Command::CountUpTo { limit: 20 }).await;
    assert!(matches!(full, Err(Error::Refused(Full))), "decided on a state that was lost: {full:?}");
}
