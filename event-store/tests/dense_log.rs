//! I1: positions are 1, 2, 3 … in commit order. Whoever has seen one has seen all before it.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;

use std::time::Duration;

use common::{Command, Tally, count, every_decision_saw_what_the_log_says, request};
use e2e::postgres::connections_of_a_process;
use event_store::{EventStore, Settings, Target, Upcasters};
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;

const WRITERS: u64 = 16;
const COMMANDS: usize = 60;

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_polling_reader_sees_every_position_once_and_in_order(pool: PgPool) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let new_store = || EventStore::start(connections_of_a_process(&pool), Upcasters::default(), Settings::default());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        // As a process of its own: with its own cache, appender and connections. Half of the commands are for streams that all write to.
        let store = new_store();
        writers.spawn(async move {
            let mut random = rand::rngs::StdRng::seed_from_u64(seed ^ writer);
            let mut appended = 0;
            for _ in 0..COMMANDS {
                let stream = if random.random() {
                    format!("own-{writer}")
                } else {
                    format!("shared-{}", random.random_range(0..3))
                };
                let events = random.random_range(1..8);
                store.execute(&request(), Target::<Tally>::existing(stream), count(events)).await.unwrap();
                appended += events;
            }
            appended
        });
    }
    let reader = tokio::spawn(read_until_quiet(pool.clone()));
    let mut appended = 0;
    while let Some(writer) = writers.join_next().await {
        appended += writer.unwrap();
    }
    new_store().execute(&request(), Target::<Tally>::new("end"), Command::CountUpTo { limit: 1 }).await.unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(60), reader).await.unwrap().unwrap();
    assert_eq!(seen, (1..=appended + 1).collect::<Vec<i64>>(), "seed {seed}");
    every_decision_saw_what_the_log_says(&pool).await;
}

/// Positions in the order in which a reader that remembers only the last one comes to see them.
async fn read_until_quiet(pool: PgPool) -> Vec<i64> {
    let mut seen: Vec<i64> = Vec::new();
    loop {
        let after = seen.last().copied().unwrap_or(0);
        let rows: Vec<(i64, String)> =
            sqlx::query_as("select position, aggregate_id from events where position > $1 order by position")
                .bind(after)
                .fetch_all(&pool)
                .await
                .unwrap();
        let ended = rows.iter().any(|(_, id)| id == "end");
        seen.extend(rows.iter().map(|(position, _)| position));
        if ended {
            return seen;
        }
    }
}
