use std::time::Duration;

use event_store::log::Place;
use event_store::{Reader, SharedFeed, Target};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::World;
use crate::common::{Command, Tally, request};

/// The ids of the next events, until there are so many; each position must follow the one before. Now and then it is slow, and now and
/// then it gives up waiting, as one that is told to stop.
async fn take(reader: &mut Reader, many: usize, mut random: StdRng) -> Vec<String> {
    let mut ids = Vec::new();
    let patience = Instant::now() + Duration::from_secs(60);
    while ids.len() < many {
        assert!(Instant::now() < patience, "{} of {many} events", ids.len());
        let before = reader.position();
        let max = random.random_range(1..50);
        let until = Instant::now() + Duration::from_millis(random.random_range(0..100));
        let next = reader.next_batch(max, until);
        let Ok(batch) = tokio::time::timeout(Duration::from_millis(random.random_range(0..100)), next).await else {
            continue;
        };
        let batch = batch.unwrap();
        assert!(batch.len() <= max);
        for (event, position) in batch.iter().zip(before + 1..) {
            assert_eq!(event.position, position);
            ids.push(event.event_id.to_string());
        }
        if random.random_bool(0.1) {
            tokio::time::sleep(Duration::from_millis(random.random_range(0..30))).await;
        }
    }
    ids
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn all_readers_of_one_feed_get_the_whole_log_each_at_its_own_pace(pool: PgPool) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let world = World::new(&pool).await;
    let _relay = world.relay("a").await;
    world.append("s", 20).await;
    let feed = SharedFeed::new(world.source().await);
    let mut places = Vec::new();
    for after in [0, 0, 7, 30, 59, 60] {
        places.push(world.place(after).await);
    }
    let readers = (0..).zip(places).map(|(number, place)| {
        let (after, mut reader) = (place.position, feed.reader(place));
        async move {
            let many = 60 + 300 - usize::try_from(after).unwrap();
            (after, take(&mut reader, many, StdRng::seed_from_u64(seed ^ number)).await)
        }
    });
    let all = async { tokio::join!(join_all(readers), world.append("s", 100)) };
    let (read, ()) = all.await;
    let log = world.log().await;
    for (after, ids) in read {
        assert_eq!(ids, log[usize::try_from(after).unwrap()..], "after {after}, seed {seed}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn who_is_behind_what_is_kept_reads_it_from_the_log(pool: PgPool) {
    let world = World::new(&pool).await;
    let feed = SharedFeed::new(world.source().await);
    let (mut quick, mut slow) = (feed.reader(Place::START), feed.reader(Place::START));
    let random = || StdRng::seed_from_u64(1);
    // More than a feed keeps.
    for _ in 0..3 {
        let large = Command::Count { events: 10, note: "x".repeat(800_000) };
        world.store.execute(&request(), Target::<Tally>::existing("s"), large).await.unwrap();
    }
    assert_eq!(take(&mut quick, 30, random()).await, world.log().await);
    assert_eq!(take(&mut slow, 30, random()).await, world.log().await);
    let ((one, other), ()) = tokio::join!(
        async { tokio::join!(take(&mut quick, 6, random()), take(&mut slow, 6, random())) },
        world.append("s", 2)
    );
    assert_eq!((&one[..], &other[..]), (&world.log().await[30..], &world.log().await[30..]));
}

/// Who begins further back must not get from memory what the log does not hold any more, whether or not it has grown again.
#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_is_kept_of_a_log_that_lost_its_tail_is_not_handed_out(pool: PgPool) {
    let world = World::new(&pool).await;
    let feed = SharedFeed::new(world.source().await);
    world.append("s", 5).await;
    take(&mut feed.reader(Place::START), 15, StdRng::seed_from_u64(1)).await;
    world.lose_what_came_after(9).await;
    let soon = Instant::now() + Duration::from_secs(20);
    let mut reader = feed.reader(world.place(3).await);
    let mut got = Vec::new();
    while got.len() < 6 {
        got.extend(reader.next_batch(100, soon).await.unwrap().iter().map(|event| event.event_id.to_string()));
    }
    assert_eq!(got, world.log().await[3..]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_was_forgotten_is_fetched_again(pool: PgPool) {
    let world = World::new(&pool).await;
    let feed = SharedFeed::new(world.source().await);
    world.append("s", 5).await;
    take(&mut feed.reader(Place::START), 15, StdRng::seed_from_u64(1)).await;
    // Another history, as after a restore.
    let restored =
        "alter table events disable trigger all; update events set event_id = gen_random_uuid() where position > 5;
                    alter table events enable trigger all";
    sqlx::raw_sql(restored).execute(&pool).await.unwrap();
    feed.forget();
    assert_eq!(
        take(&mut feed.reader(world.place(3).await), 12, StdRng::seed_from_u64(1)).await,
        world.log().await[3..]
    );
}
