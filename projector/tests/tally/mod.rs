//! A projection that counts events per stream, and a log to count.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use e2e::postgres::connections_of_a_process;
use event_store::{DecodeError, FeedSource, Recorded, SharedFeed, Upcasters};
use projector::registry::Registered;
use projector::{AnyProjection as _, ApplyError, Checkpoint, Projection, WorkerSettings, row, rows};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Events of this stream cannot be applied.
pub(crate) const POISON: &str = "poison";

row! {
    /// How many events a stream has.
    pub struct Count in "count" {
        key { stream: String => "text" }
        events: i64 => "bigint",
    }
}

rows! {
    /// All counts.
    pub struct CountRows { count: Count }
}

macro_rules! counting {
    ($name:ident, $schema:literal, $poison:literal) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        impl Projection for $name {
            const NAME: &'static str = $schema;
            const VERSION: i32 = 1;
            const SCHEMA: &'static str = "create table count (stream text primary key, events bigint not null)";
            type Event = ();
            type Rows = CountRows;

            fn decode(&self, _: &Recorded) -> Result<Option<()>, DecodeError> {
                Ok(Some(()))
            }

            fn keys(&self, recorded: &Recorded, (): &(), rows: &mut CountRows) {
                rows.count.want(recorded.aggregate_id.clone());
            }

            fn apply(&self, recorded: &Recorded, (): &(), rows: &mut CountRows) -> Result<(), ApplyError> {
                let stream = recorded.aggregate_id.clone();
                rows.count.entry(stream.clone(), || Count { stream, events: 0 })?.events += 1;
                if $poison && recorded.aggregate_id == POISON {
                    return Err(ApplyError::new("this is poison"));
                }
                Ok(())
            }
        }
    };
}

counting!(Tally, "tally", true);
counting!(Other, "other", false);

/// Appends so many events to a stream.
pub(crate) async fn append(pool: &PgPool, stream: &str, events: i64) {
    let mut transaction = pool.begin().await.unwrap();
    let head: i64 =
        sqlx::query_scalar("select position from log_head for update").fetch_one(&mut *transaction).await.unwrap();
    sqlx::query(
        "insert into events select $1 + n, 'thing', $2, n + (select count(*) from events where aggregate_id = $2), gen_random_uuid(),
                'thing.happened', '1.0', '{}', '{}', now() from generate_series(1, $3) n",
    )
    .bind(head)
    .bind(stream)
    .bind(events)
    .execute(&mut *transaction)
    .await
    .unwrap();
    sqlx::query("update log_head set position = $1").bind(head + events).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

pub(crate) fn source(pool: &PgPool) -> FeedSource {
    FeedSource {
        pool: connections_of_a_process(pool),
        nats: None,
        stream: "NONE".to_owned(),
        upcasters: Upcasters::default(),
    }
}

pub(crate) fn settings(holder: &str, batch: usize) -> WorkerSettings {
    WorkerSettings { holder: holder.to_owned(), lease: Duration::from_millis(500), batch, cached_rows: 3 }
}

/// A worker that goes on until it is dropped: as in a crash, wherever it is.
pub(crate) fn work<P: Projection + Clone>(
    projection: P,
    pool: &PgPool,
    holder: &str,
    batch: usize,
) -> AbortOnDropHandle<()> {
    let (feed, settings) = (SharedFeed::new(source(pool)), settings(holder, batch));
    AbortOnDropHandle::new(tokio::spawn(Registered(projection).work(feed, settings, CancellationToken::new())))
}

/// Waits until a projection has applied the whole log.
pub(crate) async fn settled(pool: &PgPool, name: &str) -> i64 {
    for _ in 0..600 {
        let head: i64 = sqlx::query_scalar("select position from log_head").fetch_one(pool).await.unwrap();
        if Checkpoint::find(pool, name).await.unwrap().is_some_and(|checkpoint| checkpoint.position == head) {
            return head;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{name} did not catch up");
}

/// Waits until [`Tally`] has stopped.
pub(crate) async fn stopped(pool: &PgPool) -> Checkpoint {
    for _ in 0..600 {
        if let Some(checkpoint) =
            Checkpoint::find(pool, "tally").await.unwrap().filter(|found| found.status == "stopped")
        {
            return checkpoint;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the projection did not stop");
}

pub(crate) async fn rows(pool: &PgPool) -> Vec<(String, i64)> {
    sqlx::query_as("select stream, events from tally.count order by 1").fetch_all(pool).await.unwrap()
}

pub(crate) async fn counted(pool: &PgPool, name: &str) -> i64 {
    let statement = format!("select coalesce(sum(events), 0)::bigint from {name}.count");
    sqlx::query_scalar(&statement).fetch_one(pool).await.unwrap()
}
