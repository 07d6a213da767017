use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use event_store::{RelayStatus, remake_stream};
use sqlx::PgPool;

use crate::{NAME, World, becomes};

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn of_two_relays_one_leads_and_each_message_has_the_position_of_its_event(pool: PgPool) {
    let world = World::new(&pool).await;
    let _both = (world.relay("a").await, world.relay("b").await);
    tokio::join!(world.append("s", 100), world.append("t", 100), world.append("u", 100));
    world.stream_is_the_log().await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn two_relays_that_both_believe_to_lead_still_make_one_log_of_the_stream(pool: PgPool) {
    let world = World::new(&pool).await;
    // The same holder is given the lease twice: nothing but the expected sequences keeps them apart.
    let _both = (world.relay("twin").await, world.relay("twin").await);
    tokio::join!(world.append("s", 150), world.append("t", 150));
    world.stream_is_the_log().await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_that_is_lost_or_emptied_is_filled_again(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    world.append("s", 20).await;
    world.stream_is_the_log().await;
    let client = world.nats.client("relay").await.unwrap();
    remake_stream(client, NAME).await.unwrap();
    world.append("s", 1).await;
    world.stream_is_the_log().await;
    world.nats.wipe_and_restart().await.unwrap();
    world.append("s", 1).await;
    for _ in 0..200 {
        if world.nats.client("relay").await.is_ok_and(|client| !client.server_info().server_id.is_empty())
            && async_nats::jetstream::new(world.nats.client("relay").await.unwrap()).get_stream(NAME).await.is_ok()
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.stream_is_the_log().await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_ahead_of_the_log_stops_the_relay_until_it_is_made_anew(pool: PgPool) {
    let world = World::new(&pool).await;
    let client = world.nats.client("relay").await.unwrap();
    remake_stream(client.clone(), NAME).await.unwrap();
    let jetstream = async_nats::jetstream::new(client.clone());
    for _ in 0..9 {
        jetstream.publish("events.00.other.log", "{}".into()).await.unwrap().await.unwrap();
    }
    world.append("s", 1).await;
    let mut status = world.relay("a").await;
    let stopped = becomes(&mut status, |status| matches!(status, RelayStatus::Stopped(_))).await;
    let RelayStatus::Stopped(reason) = stopped else { unreachable!() };
    assert!(reason.contains("replay-tool remake-stream"), "{reason}");
    remake_stream(client, NAME).await.unwrap();
    becomes(&mut status, |status| *status == RelayStatus::Leading(3)).await;
    world.stream_is_the_log().await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_that_ends_with_another_logs_event_stops_the_relay(pool: PgPool) {
    let world = World::new(&pool).await;
    let client = world.nats.client("relay").await.unwrap();
    remake_stream(client.clone(), NAME).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    jetstream.publish("events.00.other.log", "{}".into()).await.unwrap().await.unwrap();
    world.append("s", 1).await;
    let mut status = world.relay("a").await;
    becomes(&mut status, |status| matches!(status, RelayStatus::Stopped(_))).await;
    assert_eq!(world.stream().await.get_info().await.unwrap().state.messages, 1, "nothing was added to it");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_relay_whose_leader_dies_is_taken_over_from(pool: PgPool) {
    let world = World::new(&pool).await;
    // A leader that never comes back, and never gives up its lease either.
    sqlx::query("insert into leases values ('relay', 'gone', 1, clock_timestamp() + interval '1 second')")
        .execute(&pool)
        .await
        .unwrap();
    let mut status = world.relay("b").await;
    world.append("s", 5).await;
    becomes(&mut status, |status| *status == RelayStatus::Leading(15)).await;
    world.stream_is_the_log().await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_that_somebody_set_up_differently_is_put_back_and_has_everything_again(pool: PgPool) {
    let world = World::new(&pool).await;
    let mut status = world.relay("a").await;
    world.append("s", 10).await;
    world.stream_is_the_log().await;
    let stream = world.stream().await;
    let context = jetstream::new(world.nats.client("relay").await.unwrap());
    let wanted = stream.cached_info().config.clone();
    let other = jetstream::stream::Source { name: "OTHER".to_owned(), ..Default::default() };
    let elsewhere =
        jetstream::stream::SubjectTransform { source: "events.>".to_owned(), destination: "events.00.>".to_owned() };
    let changes = [
        Config { max_messages: 5, ..wanted.clone() },
        Config { max_bytes: 2000, discard: DiscardPolicy::New, ..wanted.clone() },
        Config { max_age: Duration::from_millis(200), duplicate_window: Duration::from_millis(100), ..wanted.clone() },
        Config { subjects: vec!["events.nothing".to_owned()], ..wanted.clone() },
        Config { no_ack: true, ..wanted.clone() },
        Config { sources: Some(vec![other]), ..wanted.clone() },
        Config { subject_transform: Some(elsewhere), ..wanted.clone() },
    ];
    for change in changes {
        context.update_stream(change).await.unwrap();
        becomes(&mut status, |status| matches!(status, RelayStatus::Retrying(_))).await;
        becomes(&mut status, |status| matches!(status, RelayStatus::Leading(_))).await;
        world.append("s", 2).await;
        world.stream_is_the_log().await;
        let has = world.stream().await.cached_info().config.clone();
        assert_eq!(Config { duplicate_window: wanted.duplicate_window, ..has }, wanted);
    }
    assert!(world.stream().await.purge().await.is_err(), "nobody purges it by mistake");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_stream_that_lost_messages_in_its_middle_is_made_anew(pool: PgPool) {
    let world = World::new(&pool).await;
    let mut status = world.relay("a").await;
    world.append("s", 10).await;
    world.stream_is_the_log().await;
    assert!(world.stream().await.delete_message(7).await.unwrap());
    becomes(&mut status, |status| matches!(status, RelayStatus::Retrying(_))).await;
    becomes(&mut status, |status| *status == RelayStatus::Leading(30)).await;
    world.stream_is_the_log().await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_log_that_lost_its_tail_and_grew_again_stops_the_relay_whatever_the_numbers_say(pool: PgPool) {
    let world = World::new(&pool).await;
    let mut status = world.relay("a").await;
    world.append("s", 10).await;
    world.stream_is_the_log().await;
    world.lose_what_came_after(24).await;
    world.append("t", 2).await;
    becomes(&mut status, |status| matches!(status, RelayStatus::Stopped(_))).await;
    remake_stream(world.nats.client("relay").await.unwrap(), NAME).await.unwrap();
    becomes(&mut status, |status| *status == RelayStatus::Leading(30)).await;
    world.stream_is_the_log().await;
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_reader_takes_nothing_away_and_hears_no_answer_of_others(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    world.append("s", 1).await;
    world.stream_is_the_log().await;
    let stream = world.stream().await;
    let config = async_nats::jetstream::consumer::pull::Config {
        durable_name: Some("somebodys".to_owned()),
        ..Default::default()
    };
    stream.create_consumer(config).await.unwrap();
    let reader = world.nats.client("reader").await.unwrap();
    let as_reader = async_nats::jetstream::new(reader.clone()).get_stream(NAME).await.unwrap();
    assert!(as_reader.delete_consumer("somebodys").await.is_err());
    assert!(as_reader.delete_message(1).await.is_err());
    assert!(stream.consumer_info("somebodys").await.is_ok());
    let mut heard = reader.subscribe("_INBOX_relay.>").await.unwrap();
    world.append("s", 5).await;
    world.stream_is_the_log().await;
    let answer = tokio::time::timeout(Duration::from_millis(300), futures::StreamExt::next(&mut heard)).await;
    assert!(!matches!(answer, Ok(Some(_))), "{answer:?}");
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn nobody_but_the_relay_may_publish(pool: PgPool) {
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    world.append("s", 1).await;
    world.stream_is_the_log().await;
    let jetstream = async_nats::jetstream::new(world.nats.client("reader").await.unwrap());
    let published = jetstream.publish("events.00.tally.counted", "{}".into()).await.unwrap().await;
    let kind = published.unwrap_err().kind();
    assert!(
        matches!(kind, PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::Other),
        "{kind:?}"
    );
    world.stream_is_the_log().await;
}
