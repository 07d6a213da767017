//! Processes are killed at random moments under load. Nothing acknowledged is lost, nothing is applied twice.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use e2e::load::{Load, nothing_is_lost_or_doubled};
use e2e::system::System;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Kills something of the system some times over, each time once the load runs again, and then checks everything.
async fn killed_under_load<F>(victim: &str, kill: F)
where
    F: AsyncFn(&System),
{
    let seed: u64 = rand::rng().random();
    println!("{victim}: seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let system = Arc::new(System::start_with(1, 2).await.unwrap());
    let mut load = Load::start(&system, 8);
    for _ in 0..3 {
        load.progress(50).await.unwrap();
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        kill(&system).await;
    }
    load.progress(50).await.unwrap();
    let acknowledged = load.finish().await.unwrap();
    nothing_is_lost_or_doubled(&system, &acknowledged).await.unwrap();
}

#[tokio::test]
async fn postgres_killed_under_load_loses_nothing() {
    killed_under_load("postgres", async |system| system.postgres.kill_and_restart().await.unwrap()).await;
}

#[tokio::test]
async fn nats_killed_under_load_loses_nothing() {
    killed_under_load("nats", async |system| system.nats.kill_and_restart().await.unwrap()).await;
}

#[tokio::test]
async fn nats_wiped_under_load_is_filled_again_and_its_sequences_are_positions() {
    killed_under_load("wiped nats", async |system| system.nats.wipe_and_restart().await.unwrap()).await;
}

#[tokio::test]
async fn the_command_api_killed_under_load_loses_nothing_and_doubles_nothing() {
    killed_under_load("command-api", async |system| system.commands[0].kill_and_restart().await.unwrap()).await;
}

#[tokio::test]
async fn a_killed_projector_is_taken_over_from_and_nothing_is_applied_twice() {
    killed_under_load("projector", async |system| system.projectors[0].kill_and_restart().await.unwrap()).await;
}
