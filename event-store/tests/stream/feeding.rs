use std::time::Duration;

use e2e::nats::Server;
use event_store::{Feed, FeedError, FeedSource};
use sqlx::PgPool;

use crate::World;

const PATIENCE: Duration = Duration::from_secs(5);

/// The ids of the next events, until there are so many; each position must follow the one before.
async fn take(feed: &mut Feed, many: usize) -> Vec<String> {
    let mut ids = Vec::new();
    let all = async {
        while ids.len() < many {
            let before = feed.position();
            let batch = feed.next_batch(7, tokio::time::Instant::now() + PATIENCE).await.unwrap();
            for (event, position) in batch.iter().zip(before + 1..) {
                assert_eq!(event.position, position);
                ids.push(event.event_id.to_string());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    ids
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_feed_hands_out_the_log_from_any_position_and_goes_on_live(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    world.append("s", 20).await;
    for after in [0, 1, 30, 59, 60] {
        let mut feed = Feed::open(world.source().await, after);
        let skipped = usize::try_from(after).unwrap();
        let old = take(&mut feed, world.log().await.len() - skipped).await;
        assert_eq!(old, world.log().await[skipped..]);
        let before = world.log().await.len();
        let (live, ()) = tokio::join!(take(&mut feed, 30), world.append("s", 10));
        assert_eq!(live, world.log().await[before..]);
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_hole_in_the_stream_is_filled_from_the_log(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    let mut feed = Feed::open(world.source().await, 0);
    world.append("s", 1).await;
    take(&mut feed, 3).await;
    // While the feed is not looking, messages vanish.
    world.append("s", 20).await;
    world.stream_is_the_log().await;
    let stream = world.stream().await;
    for sequence in [5, 6, 20, 63] {
        assert!(stream.delete_message(sequence).await.unwrap());
    }
    let rest = take(&mut feed, 60).await;
    assert_eq!(rest, world.log().await[3..]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_feed_lives_on_the_log_alone_when_nats_is_gone_and_returns_to_it(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    let mut feed = Feed::open(world.source().await, 0);
    world.append("s", 5).await;
    take(&mut feed, 15).await;
    world.nats.kill().await.unwrap();
    let (there, ()) = tokio::join!(take(&mut feed, 15), world.append("s", 5));
    world.nats.restart().await.unwrap();
    let (again, ()) = tokio::join!(take(&mut feed, 15), world.append("s", 5));
    assert_eq!([there, again].concat(), world.log().await[15..]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_of_another_log_is_not_believed(pool: PgPool) {
    let world = World::new(&pool).await;
    world.append("s", 5).await;
    let foreign = Server::start().await.unwrap();
    let client = foreign.client("relay").await.unwrap();
    event_store::remake_stream(client.clone(), crate::NAME).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for _ in 0..50 {
        jetstream.publish("events.00.other.log", "{}".into()).await.unwrap().await.unwrap();
    }
    let source = FeedSource { nats: Some(foreign.client("reader").await.unwrap()), ..world.source().await };
    let mut feed = Feed::open(source, 0);
    assert_eq!(take(&mut feed, 15).await, world.log().await);
    let (live, ()) = tokio::join!(take(&mut feed, 6), world.append("s", 2));
    assert_eq!(live, world.log().await[15..]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_feed_that_stands_after_the_end_of_the_log_says_so(pool: PgPool) {
    let world = World::new(&pool).await;
    world.append("s", 1).await;
    let mut feed = Feed::open(world.source().await, 9);
    assert!(matches!(
        feed.next_batch(1, tokio::time::Instant::now() + PATIENCE).await,
        Err(FeedError::Ahead { position: 9, head: 3 })
    ));
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_was_never_announced_is_found_however_short_the_waits(pool: PgPool) {
    let world = World::new(&pool).await;
    world.append("s", 1).await;
    let mut feed = Feed::open(FeedSource { nats: None, ..world.source().await }, 0);
    let seen = take(&mut feed, world.log().await.len()).await.len();
    // One more look finds nothing, so that the feed knows that it has all.
    let brief = Duration::from_millis(20);
    feed.next_batch(7, tokio::time::Instant::now() + brief).await.unwrap();
    sqlx::query(
        "insert into events select position + 1, 'thing', 'unannounced', 1, gen_random_uuid(), 'thing.happened', '1.0', '{}', '{}', now()
         from log_head",
    )
    .execute(&pool)
    .await
    .unwrap();
    sqlx::query("update log_head set position = position + 1").execute(&pool).await.unwrap();
    let found = async { while feed.next_batch(7, tokio::time::Instant::now() + brief).await.unwrap().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
    assert_eq!(feed.position(), i64::try_from(seen).unwrap() + 1);
}
