//! An event that cannot be applied, whatever the reason, stops its projection and no other, until an operator decides.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

#[expect(dead_code, reason = "not all of it is used here")]
mod tally;

use std::time::Duration;

use event_store::log::Place;
use event_store::{DecodeError, Lease, Recorded, SharedFeed};
use projector::decisions::{self, Decision, DecisionError};
use projector::rebuild::{RebuildError, RebuildSettings};
use projector::registry::Registered;
use projector::{AnyProjection as _, ApplyError, Checkpoint, Projection, row, rows};
use serde::Deserialize;
use sqlx::PgPool;
use tally::{Other, settled, source, work};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

row! {
    /// A word and how often it was said.
    #[expect(missing_docs, reason = "said above")]
    pub struct Word in "word" {
        key { word: String => "text" }
        times: i64 => "bigint",
    }
}

rows! {
    /// All words.
    pub struct WordRows { word: Word }
}

#[derive(Deserialize)]
struct Said {
    word: String,
    times: i64,
}

/// Keeps what is said, in a table that does not take everything.
#[derive(Clone, Copy)]
struct Words;

impl Projection for Words {
    const NAME: &'static str = "words";
    const VERSION: i32 = 1;
    const SCHEMA: &'static str =
        "create table word (word text primary key check (word <> 'forbidden'), times bigint not null);
         create function complain() returns trigger language plpgsql as $$ begin raise exception 'no %', new.word; end $$;
         create trigger complain before insert on word for each row when (new.word = 'secret') execute function complain()";
    type Event = Said;
    type Rows = WordRows;

    fn decode(&self, recorded: &Recorded) -> Result<Option<Said>, DecodeError> {
        recorded.decode().map(Some)
    }

    fn keys(&self, _: &Recorded, said: &Said, rows: &mut WordRows) {
        rows.word.want(said.word.clone());
    }

    fn apply(&self, _: &Recorded, said: &Said, rows: &mut WordRows) -> Result<(), ApplyError> {
        assert!(said.word != "panic", "this word makes the fold panic: {}", said.word);
        let row = rows.word.entry(said.word.clone(), || Word { word: said.word.clone(), times: 0 })?;
        row.times = row.times.checked_add(said.times).ok_or_else(|| ApplyError::new("too often"))?;
        Ok(())
    }
}

/// Appends one event for each payload.
async fn say(pool: &PgPool, payloads: &[String]) {
    for payload in payloads {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query(
            "insert into events select position + 1, 'word', 'w', position + 1, gen_random_uuid(), 'word.said', '1.0', $1::json, '{}', now()
             from log_head",
        )
        .bind(payload)
        .execute(&mut *transaction)
        .await
        .unwrap();
        sqlx::query("update log_head set position = position + 1").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
}

fn said(word: &str) -> String {
    serde_json::json!({ "word": word, "times": 1 }).to_string()
}

/// Events that cannot be applied, each in its own way, and what must not be told of them.
fn poisons() -> Vec<(&'static str, String)> {
    let incompressible: String = (0..200).map(|_| Uuid::from_u128(rand::random()).simple().to_string()).collect();
    vec![
        ("refused by a constraint", said("forbidden")),
        ("refused for a reason of no known class, each time", said("secret")),
        ("not storable as text", said("a\0secret")),
        ("too long for an index", said(&incompressible)),
        ("a panic of the fold", said("panic")),
        ("not what its type says", r#"{"word": "secret", "times": "many"}"#.to_owned()),
        ("refused by the fold", format!(r#"{{"word": "one", "times": {}}}"#, i64::MAX)),
    ]
}

async fn words(pool: &PgPool) -> Vec<(String, i64)> {
    sqlx::query_as("select word, times from words.word order by word").fetch_all(pool).await.unwrap()
}

async fn has_stopped(pool: &PgPool) -> Checkpoint {
    for _ in 0..600 {
        if let Some(found) = Checkpoint::find(pool, "words").await.unwrap().filter(Checkpoint::is_stopped) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the projection did not stop");
}

fn decision(name: &str) -> Decision<'_> {
    Decision { name, operator: "ada", reason: "a test" }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn each_kind_of_poison_stops_its_projection_right_there_and_is_skipped_by_decision_only(pool: PgPool) {
    let poisons = poisons();
    say(&pool, &["one", "two", "three"].map(said)).await;
    for (_, poison) in &poisons {
        say(&pool, &[poison.clone(), said("one"), said("two")]).await;
    }
    let _words = work(Words, &pool, "one", 100);
    let _other = work(Other, &pool, "one", 100);
    let head = settled(&pool, "other").await;
    for (number, (what, _)) in (0..).zip(&poisons) {
        let stopped = has_stopped(&pool).await;
        let at = 4 + 3 * number;
        assert_eq!((stopped.position, stopped.stopped_at_position), (at - 1, Some(at)), "{what}: {stopped:?}");
        assert_eq!(stopped.stopped_event_type.as_deref(), Some("word.said"), "{what}");
        assert!(stopped.stopped_since.is_some());
        let reason = stopped.error.unwrap();
        assert!(!reason.contains("secret") && !reason.contains("forbidden"), "{what}: {reason}");
        let elsewhere = decisions::skip(&pool, &decision("words"), at + 1).await;
        assert!(matches!(elsewhere, Err(DecisionError::Elsewhere { .. })), "{elsewhere:?}");
        decisions::skip(&pool, &decision("words"), at).await.unwrap();
    }
    assert_eq!(settled(&pool, "words").await, head);
    let kept = words(&pool).await;
    let often = i64::try_from(poisons.len()).unwrap() + 1;
    assert_eq!(kept, [("one", often), ("three", 1), ("two", often)].map(|(word, times)| (word.to_owned(), times)));
    // What was decided counts for a rebuild, too, until it is taken back.
    Registered(Words).rebuild(&source(&pool), &RebuildSettings::default(), &|_| {}).await.unwrap();
    assert_eq!(words(&pool).await, kept);
    decisions::unskip(&pool, &decision("words"), 4).await.unwrap();
    let refused = Registered(Words).rebuild(&source(&pool), &RebuildSettings::default(), &|_| {}).await;
    assert!(
        matches!(&refused, Err(RebuildError::Batch(error)) if error.to_string().contains("event at 4 ")),
        "{refused:?}"
    );
    assert_eq!(words(&pool).await, kept, "what is live stays");
    for statement in [
        "update projection.decisions set reason = ''",
        "delete from projection.decisions",
        "truncate projection.decisions",
    ] {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query("set local session_replication_role = replica").execute(&mut *transaction).await.unwrap();
        assert!(sqlx::query(statement).execute(&mut *transaction).await.is_err(), "{statement}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_projection_that_has_stopped_goes_on_once_its_cause_is_gone_and_it_is_told_so(pool: PgPool) {
    say(&pool, &["one", "forbidden", "two"].map(said)).await;
    assert!(matches!(decisions::resume(&pool, &decision("words")).await, Err(DecisionError::Unknown(_))));
    let _words = work(Words, &pool, "one", 100);
    assert_eq!(has_stopped(&pool).await.stopped_at_position, Some(2));
    decisions::resume(&pool, &decision("words")).await.unwrap();
    assert_eq!(has_stopped(&pool).await.stopped_at_position, Some(2), "nothing has changed");
    sqlx::query("alter table words.word drop constraint word_word_check").execute(&pool).await.unwrap();
    decisions::resume(&pool, &decision("words")).await.unwrap();
    settled(&pool, "words").await;
    assert_eq!(words(&pool).await.len(), 3);
    assert!(matches!(decisions::resume(&pool, &decision("words")).await, Err(DecisionError::NotStopped(_))));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn trouble_of_the_database_stops_no_projection(pool: PgPool) {
    say(&pool, &["one"].map(said)).await;
    let _words = work(Words, &pool, "one", 100);
    settled(&pool, "words").await;
    // Whatever it writes waits for this lock, and is broken off again and again.
    let mut held = pool.begin().await.unwrap();
    sqlx::query("lock table words.word in access exclusive mode").execute(&mut *held).await.unwrap();
    say(&pool, &["two"].map(said)).await;
    for _ in 0..10 {
        let terminated = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
                          and pid <> pg_backend_pid() and wait_event_type = 'Lock'";
        sqlx::query(terminated).execute(&pool).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!Checkpoint::find(&mut *held, "words").await.unwrap().unwrap().is_stopped());
    }
    held.rollback().await.unwrap();
    settled(&pool, "words").await;
    assert_eq!(words(&pool).await.len(), 2);
}

/// The log loses its third event, and grows again beyond where it was.
async fn lose_the_tail(pool: &PgPool) {
    let mut transaction = pool.begin().await.unwrap();
    for statement in [
        "alter table events disable trigger all",
        "delete from events where position = 3",
        "alter table events enable trigger all",
        "alter table log_head disable trigger all",
        "update log_head set position = 2",
        "alter table log_head enable trigger all",
    ] {
        sqlx::query(statement).execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    say(pool, &["other", "more"].map(said)).await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_worker_that_begins_on_a_model_of_a_lost_tail_says_so(pool: PgPool) {
    say(&pool, &["one", "two", "lost"].map(said)).await;
    let worker = work(Words, &pool, "one", 100);
    settled(&pool, "words").await;
    drop(worker);
    lose_the_tail(&pool).await;
    let _worker = work(Words, &pool, "one", 100);
    let stopped = has_stopped(&pool).await;
    assert_eq!((stopped.position, stopped.stopped_at_position), (3, None));
    assert!(stopped.error.unwrap().contains("rebuild words"));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_worker_that_cannot_write_down_that_it_has_stopped_keeps_no_process_from_its_end(pool: PgPool) {
    say(&pool, &["one"].map(said)).await;
    let (stop, feed) = (CancellationToken::new(), SharedFeed::new(source(&pool)));
    let worker = tokio::spawn(Registered(Words).work(feed, tally::settings("one", 100), stop.clone()));
    settled(&pool, "words").await;
    let mut held = pool.begin().await.unwrap();
    let locked = "select from projection.checkpoints where name = 'words' for update";
    sqlx::query(locked).execute(&mut *held).await.unwrap();
    say(&pool, &["panic"].map(said)).await;
    waits_for_a_lock(&pool).await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(20), worker).await.unwrap().unwrap();
    held.rollback().await.unwrap();
}

/// Waits until somebody waits for a lock.
async fn waits_for_a_lock(pool: &PgPool) {
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    for _ in 0..200 {
        if sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await.unwrap() > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody waits for a lock");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_model_made_from_a_part_that_the_log_has_lost_is_not_kept(pool: PgPool) {
    say(&pool, &["one", "two", "lost"].map(said)).await;
    let worker = work(Words, &pool, "one", 100);
    settled(&pool, "words").await;
    lose_the_tail(&pool).await;
    let stopped = has_stopped(&pool).await;
    assert_eq!((stopped.position, stopped.stopped_at_position), (3, None));
    assert!(stopped.error.unwrap().contains("rebuild words"));
    drop(worker);
    let _restarted = work(Words, &pool, "two", 100);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(Checkpoint::find(&pool, "words").await.unwrap().unwrap().is_stopped());
    Registered(Words).rebuild(&source(&pool), &RebuildSettings::default(), &|_| {}).await.unwrap();
    settled(&pool, "words").await;
    let kept: Vec<String> = words(&pool).await.into_iter().map(|(word, _)| word).collect();
    assert_eq!(kept, ["more", "one", "other", "two"]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn who_cannot_keep_a_model_leaves_it_to_those_who_can(pool: PgPool) {
    say(&pool, &["one"].map(said)).await;
    let worker = work(Words, &pool, "able", 100);
    settled(&pool, "words").await;
    drop(worker);
    sqlx::query("update projection.checkpoints set version = 7 where name = 'words'").execute(&pool).await.unwrap();
    sqlx::query("update leases set expires_at = now() - interval '1 second'").execute(&pool).await.unwrap();
    let _unable = work(Words, &pool, "unable", 100);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let lease = Lease::acquire(&pool, "projection/words", "newer", Duration::from_secs(1)).await.unwrap();
    assert!(lease.is_some(), "nobody holds it");
    let checkpoint = Checkpoint::find(&pool, "words").await.unwrap().unwrap();
    assert!(!checkpoint.is_stopped(), "another program may keep it");
    assert_ne!(checkpoint.place(), Place::START);
}
