use std::time::Duration;

use e2e::nats::Server;
use event_store::log::Place;
use event_store::{Feed, FeedError, FeedSource};
use sqlx::PgPool;
use uuid::Uuid;

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
        let mut feed = Feed::open(world.source().await, world.place(after).await);
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
    let mut feed = Feed::open(world.source().await, Place::START);
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
    let mut feed = Feed::open(world.source().await, Place::START);
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
    let mut feed = Feed::open(source, Place::START);
    assert_eq!(take(&mut feed, 15).await, world.log().await);
    let (live, ()) = tokio::join!(take(&mut feed, 6), world.append("s", 2));
    assert_eq!(live, world.log().await[15..]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_feed_that_stands_at_what_the_log_does_not_have_says_so(pool: PgPool) {
    let world = World::new(&pool).await;
    world.append("s", 1).await;
    for lost in [Place { position: 9, event_id: Uuid::nil() }, Place { event_id: Uuid::nil(), ..world.place(2).await }]
    {
        let mut feed = Feed::open(world.source().await, lost);
        let next = feed.next_batch(1, tokio::time::Instant::now() + PATIENCE).await;
        assert!(matches!(next, Err(FeedError::Lost { position }) if position == lost.position), "{next:?}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_was_never_announced_is_found_however_short_the_waits(pool: PgPool) {
    let world = World::new(&pool).await;
    world.append("s", 1).await;
    let mut feed = Feed::open(FeedSource { nats: None, ..world.source().await }, Place::START);
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

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_the_stream_has_and_the_log_has_lost_is_not_handed_out(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    world.append("s", 10).await;
    world.stream_is_the_log().await;
    let kept = world.log().await[..28].to_vec();
    let mut feed = Feed::open(world.source().await, Place::START);
    assert_eq!(take(&mut feed, 14).await, kept[..14]);
    world.lose_what_came_after(28).await;
    assert_eq!(take(&mut feed, 14).await, kept[14..]);
    let more = feed.next_batch(7, tokio::time::Instant::now() + Duration::from_millis(300)).await.unwrap();
    assert!(more.is_empty(), "these are in the stream only: {more:?}");
    world.append("t", 2).await;
    assert_eq!(take(&mut feed, 6).await, world.log().await[28..]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_message_in_an_events_place_is_not_handed_out(pool: PgPool) {
    let world = World::new(&pool).await;
    world.append("s", 1).await;
    let client = world.nats.client("relay").await.unwrap();
    event_store::remake_stream(client.clone(), crate::NAME).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let log: Uuid = sqlx::query_scalar("select log_id from log_head").fetch_one(&pool).await.unwrap();
    let mut feed = Feed::open(world.source().await, Place::START);
    assert_eq!(take(&mut feed, 3).await, world.log().await);
    for sequence in 1..=9 {
        let mut forged = async_nats::HeaderMap::new();
        for (name, value) in [
            ("ce-id", Uuid::from_u128(7).to_string()),
            ("ce-source", format!("/annals/{log}")),
            ("ce-subject", "tally/s".to_owned()),
            ("ce-type", "tally.counted".to_owned()),
            ("ce-sequence", sequence.to_string()),
            ("ce-eventversion", "1.0".to_owned()),
            ("ce-time", "2020-01-01T00:00:00Z".to_owned()),
            ("ce-metadata", "{}".to_owned()),
        ] {
            forged.insert(name, value.as_str());
        }
        let subject = "events.00.tally.tally.counted";
        jetstream.publish_with_headers(subject, forged, "{}".into()).await.unwrap().await.unwrap();
    }
    let idle = feed.next_batch(7, tokio::time::Instant::now() + Duration::from_millis(1500)).await.unwrap();
    assert!(idle.is_empty(), "{idle:?}");
    world.append("s", 2).await;
    assert_eq!(take(&mut feed, 6).await, world.log().await[3..]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_frozen_nats_keeps_no_event_from_its_readers(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    let mut feed = Feed::open(world.source().await, Place::START);
    world.append("s", 1).await;
    take(&mut feed, 3).await;
    world.stream_is_the_log().await;
    world.nats.signal("STOP").await.unwrap();
    // Each time before JetStream would have said that it does not answer: that takes it five seconds.
    for _ in 0..40 {
        let one = async {
            world.append("s", 1).await;
            take(&mut feed, 3).await
        };
        tokio::time::timeout(Duration::from_secs(4), one).await.expect("nobody waits for NATS");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.nats.signal("CONT").await.unwrap();
    assert_eq!(feed.position(), 123);
}
