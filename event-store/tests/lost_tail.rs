//! I11: a log is known by its content. What a process remembers of one that has lost its tail and grown again is not believed.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use common::{Command, Full, Tally, count, every_decision_saw_what_the_log_says, request};
use event_store::{Draft, Error, EventStore, Expected, Request, Settings, Target, Upcasters};
use sqlx::PgPool;

fn store(pool: &PgPool) -> EventStore {
    let settings = Settings { snapshot_every: 4, ..Settings::default() };
    EventStore::start(pool.clone(), Upcasters::default(), settings)
}

fn tally(id: &str) -> Target<Tally> {
    Target::existing(id)
}

async fn add(store: &EventStore, id: &str, by: i64) {
    store.execute(&request(), tally(id), Command::Add { by }).await.unwrap();
}

/// A restore from a backup, or a failover: the log keeps its name, and lacks what was appended last.
async fn lose_all_after(pool: &PgPool, position: i64) {
    let statement = format!(
        "alter table events disable trigger all; alter table log_head disable trigger all;
         delete from events where position > {position};
         delete from idempotency_keys where position > {position};
         update log_head set position = {position};
         alter table events enable trigger all; alter table log_head enable trigger all"
    );
    sqlx::raw_sql(&statement).execute(pool).await.unwrap();
}

async fn snapshot(pool: &PgPool) -> Option<i64> {
    sqlx::query_scalar("select sequence from snapshots where aggregate_id = 's'").fetch_optional(pool).await.unwrap()
}

async fn until_there_is_a_snapshot_at(pool: &PgPool, sequence: i64) {
    while snapshot(pool).await != Some(sequence) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A process that remembers events at positions 2 to 4 that the log has lost, and in whose places another process has written others: `s`
/// stands at sequence 4 with a total of 31, not 4; `t` at sequence 1 with 100, not 1.
async fn one_that_remembers_what_was_lost(pool: &PgPool) -> EventStore {
    let store = store(pool);
    for id in ["s", "s", "s", "s", "t"] {
        add(&store, id, 1).await;
    }
    until_there_is_a_snapshot_at(pool, 4).await;
    lose_all_after(pool, 1).await;
    let other = self::store(pool);
    for (id, by) in [("s", 10), ("s", 10), ("s", 10), ("t", 100)] {
        add(&other, id, by).await;
    }
    store
}

const LIMIT: Command = Command::CountUpTo { limit: 31 };
const NO_LIMIT: Command = Command::CountUpTo { limit: 32 };

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn nothing_is_appended_that_was_decided_on_it(pool: PgPool) {
    let store = one_that_remembers_what_was_lost(&pool).await;
    add(&store, "s", 1).await;
    add(&store, "t", 1).await;
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn nothing_is_accepted_that_the_log_would_refuse(pool: PgPool) {
    let store = one_that_remembers_what_was_lost(&pool).await;
    let full = store.execute(&request(), tally("s"), LIMIT).await;
    assert!(matches!(full, Err(Error::Refused(Full))), "{full:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn nothing_is_refused_on_it(pool: PgPool) {
    let store = store(&pool);
    for by in [1, 50] {
        add(&store, "s", by).await;
    }
    lose_all_after(&pool, 1).await;
    add(&self::store(&pool), "s", 1).await;
    let receipt = store.execute(&request(), tally("s"), NO_LIMIT).await.unwrap();
    assert_eq!((receipt.sequence, receipt.position), (3, 3));
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn nothing_to_do_is_not_said_on_it(pool: PgPool) {
    let store = one_that_remembers_what_was_lost(&pool).await;
    let mut seen = Vec::new();
    let look = |draft: &mut Draft<Tally>| {
        seen.push(draft.state().total);
        Ok::<(), Full>(())
    };
    let receipt = store.execute_with(&request(), tally("s"), look).await.unwrap();
    assert_eq!((seen.last(), receipt.sequence, receipt.position), (Some(&31), 4, 4));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn it_is_not_read(pool: PgPool) {
    let store = one_that_remembers_what_was_lost(&pool).await;
    assert_eq!(store.read(tally("s"), |tally| tally.total).await.unwrap(), 31);
    assert_eq!(store.read(tally("t"), |tally| tally.total).await.unwrap(), 100);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_longer_stream_than_the_log_has_now_is_not_read(pool: PgPool) {
    let store = store(&pool);
    for by in [1, 2, 3] {
        add(&store, "s", by).await;
    }
    lose_all_after(&pool, 1).await;
    assert_eq!(store.read(tally("s"), |tally| tally.total).await.unwrap(), 1);
    lose_all_after(&pool, 0).await;
    assert_eq!(store.read(tally("s"), |tally| tally.total).await.unwrap(), 0);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn no_pair_is_decided_on_it(pool: PgPool) {
    let one = one_that_remembers_what_was_lost(&pool).await;
    let add_to_t_what_s_has = |s: &mut Draft<Tally>, t: &mut Draft<Tally>| {
        let by = s.state().total;
        t.handle(Command::Add { by }).map(|_| ())
    };
    one.execute_pair(&request(), tally("s"), tally("t"), add_to_t_what_s_has).await.unwrap();
    assert_eq!(store(&pool).read(tally("t"), |tally| tally.total).await.unwrap(), 131);
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_sequence_that_was_expected_is_that_of_the_log(pool: PgPool) {
    let store = one_that_remembers_what_was_lost(&pool).await;
    add(&self::store(&pool), "s", 10).await;
    let expecting = Request { expected: Some(Expected::OneOf(vec![4])), ..request() };
    let failed = store.execute(&expecting, tally("s"), count(1)).await;
    assert!(matches!(failed, Err(Error::PreconditionFailed { current: 5 })), "{failed:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_was_only_read_before_it_was_lost_is_not_believed_either(pool: PgPool) {
    let (one, other) = (store(&pool), store(&pool));
    // The last that `one` appended, and the last that it saw in an answer to an append, stay in the log.
    add(&one, "kept", 1).await;
    for by in [1, 1, 1] {
        add(&other, "s", by).await;
    }
    assert_eq!(one.read(tally("s"), |tally| tally.total).await.unwrap(), 3);
    lose_all_after(&pool, 1).await;
    for by in [10, 10, 10] {
        add(&store(&pool), "s", by).await;
    }
    add(&one, "s", 1).await;
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn nor_is_it_by_the_part_of_a_pair_that_gets_no_event(pool: PgPool) {
    let (one, other) = (store(&pool), store(&pool));
    add(&one, "t", 1).await;
    add(&other, "s", 1).await;
    let add_to_t_what_s_has = |s: &mut Draft<Tally>, t: &mut Draft<Tally>| {
        let by = s.state().total;
        t.handle(Command::Add { by }).map(|_| ())
    };
    assert_eq!(one.read(tally("s"), |tally| tally.total).await.unwrap(), 1);
    lose_all_after(&pool, 1).await;
    add(&store(&pool), "s", 10).await;
    one.execute_pair(&request(), tally("s"), tally("t"), add_to_t_what_s_has).await.unwrap();
    assert_eq!(store(&pool).read(tally("t"), |tally| tally.total).await.unwrap(), 11);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_snapshot_made_from_it_is_not_used(pool: PgPool) {
    one_that_remembers_what_was_lost(&pool).await;
    // The other process has not reached a multiple of four since it knows of the stream: the snapshot is the one of what was lost, or newer.
    let started_anew = store(&pool);
    assert_eq!(started_anew.read(tally("s"), |tally| tally.total).await.unwrap(), 31);
    add(&started_anew, "s", 1).await;
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_snapshot_made_from_it_does_not_stay(pool: PgPool) {
    let store = store(&pool);
    for _ in 0..8 {
        add(&store, "s", 1).await;
    }
    until_there_is_a_snapshot_at(&pool, 8).await;
    lose_all_after(&pool, 1).await;
    let anew = self::store(&pool);
    for _ in 0..4 {
        add(&anew, "s", 10).await;
    }
    until_there_is_a_snapshot_at(&pool, 4).await;
    assert_eq!(self::store(&pool).read(tally("s"), |tally| tally.total).await.unwrap(), 41);
}
