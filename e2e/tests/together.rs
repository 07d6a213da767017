//! Several of each at once, and rebuilds while everything goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use e2e::load::{Load, nothing_is_lost_or_doubled};
use e2e::system::System;

#[tokio::test]
async fn two_command_apis_two_relays_and_two_projectors_share_one_log() {
    let system = Arc::new(System::start_with(2, 2).await.unwrap());
    let mut load = Load::start(&system, 8);
    load.progress(400).await.unwrap();
    let acknowledged = load.finish().await.unwrap();
    nothing_is_lost_or_doubled(&system, &acknowledged).await.unwrap();
}

#[tokio::test]
async fn a_rebuild_while_serving_and_selling_fails_no_request_and_gives_the_same_rows() {
    let system = Arc::new(System::start_with(1, 2).await.unwrap());
    let mut load = Load::start(&system, 4);
    load.progress(100).await.unwrap();
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> =
        ["/v1/sales?customer=c1&limit=5", "/v1/sales/0-0", "/v1/reporting/by/country/France", "/v1/sales/refunds"]
            .into_iter()
            .map(|path| {
                let (system, stop, reads) = (Arc::clone(&system), Arc::clone(&stop), Arc::clone(&reads));
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let found = system.get(path).await.unwrap();
                        assert_eq!(found.status, 200, "{path}: {found:?}");
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
    for _ in 0..3 {
        let rebuilt = system.replay_tool(&["rebuild", "--all"]).await.unwrap();
        assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
        load.progress(50).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) > 0);
    let acknowledged = load.finish().await.unwrap();
    nothing_is_lost_or_doubled(&system, &acknowledged).await.unwrap();
}
