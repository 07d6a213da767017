//! I4: a command sent twice under one Idempotency-Key has one effect and one answer.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::time::Duration;

use chrono::TimeDelta;
use common::{Command, Tally, count, events, every_decision_saw_what_the_log_says, keyed};
use event_store::{Error, EventStore, Receipt, Settings, Target, Upcasters, purge_idempotency_keys};
use sqlx::PgPool;

fn store(pool: &PgPool) -> EventStore {
    EventStore::start(pool.clone(), Upcasters::default(), Settings::default())
}

fn tally() -> Target<Tally> {
    Target::existing("one")
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn the_same_key_twice_is_one_effect_and_the_first_answer(pool: PgPool) {
    let store = store(&pool);
    let first = store.execute(&keyed("k", 1), tally(), count(3)).await.unwrap();
    store.execute(&keyed("other", 1), tally(), count(1)).await.unwrap();
    let again = store.execute(&keyed("k", 1), tally(), count(3)).await.unwrap();
    assert_eq!(again, Receipt { replayed: true, ..first });
    assert_eq!(events(&pool).await, 4);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn the_same_key_with_another_request_is_refused(pool: PgPool) {
    let store = store(&pool);
    store.execute(&keyed("k", 1), tally(), count(1)).await.unwrap();
    let other = store.execute(&keyed("k", 2), tally(), count(1)).await;
    assert!(matches!(other, Err(Error::KeyReused)), "{other:?}");
    assert_eq!(events(&pool).await, 1);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn many_at_once_under_one_key_are_one_effect_in_any_process(pool: PgPool) {
    let stores = [store(&pool), store(&pool)];
    let sent = (0..24).map(|n| {
        let store = stores[n % 2].clone();
        async move { store.execute(&keyed("k", 1), tally(), count(2)).await.unwrap() }
    });
    let answers = futures::future::join_all(sent).await;
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| (answer.sequence, answer.position) == (2, 2)), "{answers:?}");
    assert_eq!(events(&pool).await, 2);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn keys_known_and_new_share_batches_without_disturbing_each_other(pool: PgPool) {
    let store = store(&pool);
    for round in 0..3 {
        let sent =
            (0..40).map(|n| {
                let (store, key) = (store.clone(), format!("{}", n % (10 * (round + 1))));
                async move {
                    store.execute(&keyed(&key, 1), Target::<Tally>::existing(format!("s{}", n % 7)), count(1)).await
                }
            });
        futures::future::join_all(sent).await.into_iter().for_each(|answer| assert!(answer.is_ok(), "{answer:?}"));
    }
    assert_eq!(events(&pool).await, 30);
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_refused_command_leaves_no_key_behind(pool: PgPool) {
    let store = store(&pool);
    let refused = store.execute(&keyed("k", 1), tally(), Command::CountUpTo { limit: 0 }).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let allowed = store.execute(&keyed("k", 2), tally(), Command::CountUpTo { limit: 1 }).await.unwrap();
    assert!(!allowed.replayed);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn the_stored_answer_counts_for_more_than_a_refusal_it_has_led_to(pool: PgPool) {
    let store = store(&pool);
    let first = store.execute(&keyed("k", 1), tally(), Command::CountUpTo { limit: 1 }).await.unwrap();
    let again = store.execute(&keyed("k", 1), tally(), Command::CountUpTo { limit: 1 }).await.unwrap();
    assert_eq!(again, Receipt { replayed: true, ..first });
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_key_past_its_retention_counts_as_absent_and_is_purged(pool: PgPool) {
    let settings = Settings { key_retention: Duration::from_secs(60), ..Settings::default() };
    let store = EventStore::start(pool.clone(), Upcasters::default(), settings);
    let old = keyed("k", 1);
    let mut later = keyed("k", 2);
    later.now += TimeDelta::seconds(61);
    store.execute(&old, tally(), count(1)).await.unwrap();
    assert!(!store.execute(&later, tally(), count(1)).await.unwrap().replayed);
    assert!(store.execute(&later, tally(), count(1)).await.unwrap().replayed);
    assert_eq!(purge_idempotency_keys(&pool, old.now, 10).await.unwrap(), 0);
    assert_eq!(purge_idempotency_keys(&pool, later.now + TimeDelta::seconds(1), 10).await.unwrap(), 1);
    assert_eq!(events(&pool).await, 2);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_is_read_for_a_commit_does_not_grow_with_the_log(pool: PgPool) {
    const ROUNDS: usize = 60;
    const AT_ONCE: usize = 60;
    let store = store(&pool);
    for round in 0..ROUNDS {
        let sent = (0..AT_ONCE).map(|n| {
            let (store, name) = (store.clone(), format!("{round}-{n}"));
            async move { store.execute(&keyed(&name, 1), Target::<Tally>::existing(name), count(1)).await.unwrap() }
        });
        futures::future::join_all(sent).await;
    }
    // A session tells the statistics what it has read when it ends.
    store.shutdown().await;
    let commits = i64::try_from(ROUNDS * AT_ONCE).unwrap();
    let mut tries = 0;
    let read = loop {
        let (written, read): (i64, i64) = sqlx::query_as(
            "select min(n_tup_ins), sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
             from pg_stat_user_tables where relname in ('events', 'idempotency_keys')",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        if written == commits {
            break read;
        }
        tries += 1;
        assert!(tries < 100, "the statistics tell of {written} of {commits} commits");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(read <= commits, "{read} rows of events and keys were read for {commits} commits");
}
