//! Half a year of a real shop goes in as commands while everything is killed at random moments, and every number comes out right.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::system::System;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const KILLS: u32 = 12;

/// The data, if it lies beside the workspace.
fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/online-retail");
    if !folder.exists() {
        eprintln!("skipped: there is no {}", folder.display());
        return None;
    }
    Some(folder)
}

async fn kill_any(system: &System, random: &mut StdRng) {
    match random.random_range(0..5) {
        0 => system.postgres.kill_and_restart().await.unwrap(),
        1 => system.nats.kill_and_restart().await.unwrap(),
        2 => system.commands[0].kill_and_restart().await.unwrap(),
        3 => system.nats.wipe_and_restart().await.unwrap(),
        _ => system.projectors[random.random_range(0..2)].kill_and_restart().await.unwrap(),
    }
}

#[tokio::test]
async fn a_real_shop_goes_in_through_crashes_and_every_number_comes_out_right() {
    let Some(data) = data() else { return };
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let system = System::start_with(1, 2).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (file, state) = (data.join("dev.csv.gz"), directory.path().join("state"));
    let load = ["load", file.to_str().unwrap(), "--state", state.to_str().unwrap()];

    let mut loader = system.demo_binary().spawn(&load).unwrap();
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(500..5000))).await;
        kill_any(&system, &mut random).await;
        if kill % 4 == 3 {
            loader.kill().await.unwrap();
            loader = system.demo_binary().spawn(&load).unwrap();
        }
    }
    assert!(loader.wait().await.unwrap().success());
    assert_right(&system, &data).await;

    let before = system.settled().await.unwrap();
    // As if the last part had been answered, but never written down.
    std::fs::write(&state, "200000").unwrap();
    assert!(system.demo(&load).await.unwrap().status.success());
    assert_eq!(system.settled().await.unwrap(), before, "sending commands again changes nothing");
    assert_right(&system, &data).await;
}

async fn assert_right(system: &System, data: &Path) {
    let reference = data.join("reference/dev.json");
    let checked = system.demo(&["check", "--reference", reference.to_str().unwrap()]).await.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let verified = system.replay_tool(&["verify"]).await.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
