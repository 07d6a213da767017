//! Commands are decided on uncommitted states and committed together, and nothing that was decided on what never happened gets in.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::sync::Arc;

use common::{Command, Full, Tally, count, events, every_decision_saw_what_the_log_says, request};
use event_store::{Draft, Error, EventStore, Expected, Request, Settings, Target, Upcasters};
use futures::future::join_all;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

fn store(pool: &PgPool) -> EventStore {
    with(pool, Settings::default())
}

fn with(pool: &PgPool, settings: Settings) -> EventStore {
    EventStore::start(pool.clone(), Upcasters::default(), settings)
}

fn tally(id: &str) -> Target<Tally> {
    Target::existing(id)
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn of_64_callers_on_one_stream_each_sees_what_the_one_before_decided(pool: PgPool) {
    let store = store(&pool);
    let callers = (0..64).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                store.execute(&request(), tally("hot"), count(2)).await.unwrap();
            }
        })
    });
    join_all(callers).await.into_iter().for_each(|caller| caller.unwrap());
    assert_eq!(events(&pool).await, 64 * 10 * 2);
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_limit_holds_however_many_processes_race_for_the_last_place(pool: PgPool) {
    let stores = [store(&pool), store(&pool), store(&pool)];
    let callers = (0..60).map(|n| {
        let store = stores[n % 3].clone();
        tokio::spawn(async move { store.execute(&request(), tally("few"), Command::CountUpTo { limit: 25 }).await })
    });
    let answers = join_all(callers).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    let taken = i64::try_from(answers.iter().filter(|answer| answer.is_ok()).count()).unwrap();
    assert_eq!(events(&pool).await, taken, "every acknowledged one is in the log, and no other");
    assert!(taken <= 25);
    // A refusal means that all places were taken: never said on a state that did not come to be.
    if answers.iter().any(|answer| matches!(answer, Err(Error::Refused(Full)))) {
        assert_eq!(taken, 25);
    }
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_was_decided_on_a_commit_that_failed_is_decided_again(pool: PgPool) {
    let other = store(&pool);
    // In one batch with what it was decided on, and in the batches after.
    for max_batch in [512, 1, 3] {
        let one = with(&pool, Settings { max_batch, ..Settings::default() });
        for _ in 0..10 {
            // `one` is behind from here on: its first commit fails, and with it all that are decided on it, though the second one finds
            // the very sequence that it expects.
            other.execute(&request(), tally("s"), Command::Add { by: 10 }).await.unwrap();
            let sent = (0..16).map(|_| {
                let one = one.clone();
                async move { one.execute(&request(), tally("s"), count(1)).await.unwrap() }
            });
            join_all(sent).await;
        }
    }
    assert_eq!(events(&pool).await, 3 * 10 * 17);
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_refusal_is_not_made_on_what_another_process_has_changed_since(pool: PgPool) {
    let (one, other) = (store(&pool), store(&pool));
    let limit_one = Command::CountUpTo { limit: 1 };
    // `one` remembers an empty stream, then an outdated sequence.
    assert_eq!(one.execute(&request(), tally("s"), Command::Nothing).await.unwrap().sequence, 0);
    other.execute(&request(), tally("s"), count(3)).await.unwrap();
    let nothing = one.execute(&request(), tally("s"), Command::Nothing).await.unwrap();
    assert_eq!((nothing.sequence, nothing.position), (3, 3));
    other.execute(&request(), tally("s"), count(1)).await.unwrap();
    let expecting = Request { expected: Some(Expected::OneOf(vec![4])), ..request() };
    assert_eq!(one.execute(&expecting, tally("s"), count(1)).await.unwrap().sequence, 5);
    assert!(matches!(one.execute(&request(), tally("s"), limit_one).await, Err(Error::Refused(Full))));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_taken_to_be_new_is_found_to_exist(pool: PgPool) {
    store(&pool).execute(&request(), tally("s"), count(2)).await.unwrap();
    let other = store(&pool);
    assert_eq!(other.execute(&request(), Target::<Tally>::new("s"), count(1)).await.unwrap().sequence, 3);
    let third = store(&pool);
    let full = third.execute(&request(), Target::<Tally>::new("s"), Command::CountUpTo { limit: 3 }).await;
    assert!(matches!(full, Err(Error::Refused(Full))), "{full:?}");
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn another_sequence_than_expected_is_told_with_the_current_one(pool: PgPool) {
    let (one, other) = (store(&pool), store(&pool));
    one.execute(&request(), tally("s"), count(2)).await.unwrap();
    other.execute(&request(), tally("s"), count(1)).await.unwrap();
    let expecting = Request { expected: Some(Expected::OneOf(vec![2])), ..request() };
    let failed = one.execute(&expecting, tally("s"), count(1)).await;
    assert!(matches!(failed, Err(Error::PreconditionFailed { current: 3 })), "{failed:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn who_lost_a_race_to_another_process_is_not_beaten_again(pool: PgPool) {
    let busy = store(&pool);
    let (stop, mut sent) = (CancellationToken::new(), JoinSet::new());
    for _ in 0..16 {
        let (busy, stop) = (busy.clone(), stop.clone());
        sent.spawn(async move {
            while !stop.is_cancelled() {
                busy.execute(&request(), tally("hot"), count(1)).await.unwrap();
            }
        });
    }
    // The second try is the last one.
    let slow = with(&pool, Settings { retries: 1, ..Settings::default() });
    for n in 0..50 {
        let beaten = slow.execute(&request(), tally("hot"), count(1)).await;
        assert!(beaten.is_ok(), "command {n}: {beaten:?}");
    }
    stop.cancel();
    sent.join_all().await;
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn two_streams_change_together_or_not_at_all(pool: PgPool) {
    let (one, other) = (store(&pool), store(&pool));
    let stores = [&one, &other];
    let moves = (0..60).map(|n| {
        let store = stores[n % 2].clone();
        let (from, to) = if n % 3 == 0 { ("b", "a") } else { ("a", "b") };
        async move {
            let both = |from: &mut Draft<Tally>, to: &mut Draft<Tally>| {
                from.handle(count(1))?;
                to.handle(Command::CountUpTo { limit: 40 }).map(|_| ())
            };
            store.execute_pair(&request(), tally(from), tally(to), both).await
        }
    });
    let done = join_all(moves).await.into_iter().flatten().count();
    assert!(done > 0);
    assert_eq!(events(&pool).await, i64::try_from(2 * done).unwrap());
    every_decision_saw_what_the_log_says(&pool).await;
    let apart: i64 = sqlx::query_scalar(
        "select count(*) from events a join events b on b.position = a.position + 1 where a.position % 2 = 1 and a.aggregate_id = b.aggregate_id",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(apart, 0, "the events of a pair stand side by side");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn of_a_pair_the_stream_that_gets_no_event_counts_as_well(pool: PgPool) {
    let (one, other) = (store(&pool), store(&pool));
    let add_to_t_what_s_has = |s: &mut Draft<Tally>, t: &mut Draft<Tally>| {
        let by = s.state().total;
        t.handle(Command::Add { by }).map(|_| ())
    };
    for total in 1..=5 {
        // The process that moves it remembers less of it.
        other.execute(&request(), tally("s"), count(1)).await.unwrap();
        let receipt = one.execute_pair(&request(), tally("s"), tally("t"), add_to_t_what_s_has).await.unwrap();
        assert_eq!((receipt.aggregate_id.as_str(), receipt.sequence), ("s", total));
    }
    let of_t = "select sum((payload #>> '{counted,by}')::bigint)::bigint from events where aggregate_id = 't'";
    assert_eq!(sqlx::query_scalar::<_, i64>(of_t).fetch_one(&pool).await.unwrap(), 1 + 2 + 3 + 4 + 5);
    every_decision_saw_what_the_log_says(&pool).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn one_stream_cannot_be_a_pair(pool: PgPool) {
    let both = |_: &mut Draft<Tally>, _: &mut Draft<Tally>| Ok::<(), Full>(());
    let same = store(&pool).execute_pair(&request(), tally("s"), tally("s"), both).await;
    assert!(matches!(same, Err(Error::Corrupt(_))), "{same:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn an_event_too_large_for_a_message_is_refused_before_it_is_queued(pool: PgPool) {
    let settings = Settings::default();
    let note = "x".repeat(settings.max_event_bytes);
    let large = with(&pool, settings).execute(&request(), tally("s"), Command::Count { events: 1, note }).await;
    assert!(matches!(large, Err(Error::TooLarge { bytes, limit }) if bytes > limit), "{large:?}");
    assert_eq!(events(&pool).await, 0);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_full_queue_turns_commands_away_and_loses_none(pool: PgPool) {
    let store = with(&pool, Settings { queue: 4, max_batch: 2, ..Settings::default() });
    // Somebody holds the head: nothing can be appended, so the queue fills.
    let mut held = pool.begin().await.unwrap();
    sqlx::query("select from log_head for update").execute(&mut *held).await.unwrap();
    let sent = (0..30).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { store.execute(&request(), Target::<Tally>::new(format!("{n}")), count(1)).await })
    });
    let sent: Vec<_> = sent.collect();
    while !sent.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    held.commit().await.unwrap();
    let answers: Vec<_> = join_all(sent).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().any(|answer| matches!(answer, Err(Error::Overloaded))));
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(events(&pool).await, i64::try_from(done).unwrap());
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn large_commands_are_turned_away_before_they_fill_the_memory(pool: PgPool) {
    let store = with(&pool, Settings { queue_bytes: 1024 * 1024, ..Settings::default() });
    let mut held = pool.begin().await.unwrap();
    sqlx::query("select from log_head for update").execute(&mut *held).await.unwrap();
    let large = |n: usize| {
        let (store, note) = (store.clone(), "x".repeat(100 * 1024));
        let command = Command::Count { events: 2, note };
        tokio::spawn(async move { store.execute(&request(), Target::<Tally>::new(format!("{n}")), command).await })
    };
    let sent: Vec<_> = (0..20).map(large).collect();
    while sent.iter().filter(|sent| sent.is_finished()).count() < 15 {
        tokio::task::yield_now().await;
    }
    held.commit().await.unwrap();
    let answers: Vec<_> = join_all(sent).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Err(Error::Overloaded))).count(), 15);
    // There is room again.
    assert!(large(20).await.unwrap().is_ok());
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_postgres_cannot_store_fails_alone(pool: PgPool) {
    let store = store(&pool);
    let sent = (0..20).map(|n| {
        let store = store.clone();
        let id = match n {
            7 => "nul \0 byte".to_owned(),
            // Too long for an index, and not to be compressed.
            13 => (0..3000).map(|_| rand::random_range('a'..='z')).collect(),
            n => format!("{n}"),
        };
        async move { store.execute(&request(), Target::<Tally>::new(id), count(1)).await }
    });
    let answers = join_all(sent).await;
    for wrong in [7, 13] {
        assert!(matches!(answers[wrong], Err(Error::Corrupt(_))), "{:?}", answers[wrong]);
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 18);
    assert_eq!(events(&pool).await, 18);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn an_aggregate_that_waits_is_an_error(pool: PgPool) {
    let waits = store(&pool).execute(&request(), tally("s"), Command::Dawdle).await;
    assert!(matches!(waits, Err(Error::Corrupt(_))), "{waits:?}");
    assert_eq!(events(&pool).await, 0);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn commands_sent_in_a_series_are_decided_in_that_order(pool: PgPool) {
    let store = store(&pool);
    let mut answers = Vec::new();
    for n in 0..50 {
        let enqueued = Arc::new(Notify::new());
        let request = Request { enqueued: Some(Arc::clone(&enqueued)), ..request() };
        let (store, command) = (store.clone(), if n % 5 == 4 { Command::Nothing } else { count(1) });
        answers.push(tokio::spawn(async move { store.execute(&request, tally("s"), command).await.unwrap() }));
        enqueued.notified().await;
    }
    let sequences: Vec<i64> = join_all(answers).await.into_iter().map(|answer| answer.unwrap().sequence).collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_store_that_shuts_down_answers_what_it_has_taken(pool: PgPool) {
    let store = store(&pool);
    let sent: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.execute(&request(), Target::<Tally>::new(format!("{n}")), count(1)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.shutdown().await;
    let answers: Vec<_> = join_all(sent).await.into_iter().map(Result::unwrap).collect();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(events(&pool).await, i64::try_from(done).unwrap());
    assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Error::Unavailable(_)))), "{answers:?}");
    assert!(matches!(store.execute(&request(), tally("s"), count(1)).await, Err(Error::Unavailable(_))));
}
