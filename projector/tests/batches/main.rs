//! A read model is the same, row by row, whatever the batches it was built in, and when it is copied out of memory at once.
#![cfg(test)]

#[path = "../folding/mod.rs"]
mod folding;
mod trade;

use event_store::Recorded;
use folding::{contents, copy, store};
use projector::Projection;
use projector::catalog::Catalog;
use projector::inventory::Inventory;
use projector::reporting::Reporting;
use projector::sales::Sales;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sqlx::PgPool;

async fn assert_same<P: Projection + Clone>(pool: &PgPool, projection: &P, events: &[Recorded]) {
    store(pool, projection, events, 1).await;
    let one_by_one = contents::<P>(pool).await;
    assert!(!one_by_one.is_empty(), "{} has rows", P::NAME);
    for batch in [2, 7, events.len()] {
        store(pool, projection, events, batch).await;
        assert_eq!(contents::<P>(pool).await, one_by_one, "{} in batches of {batch}", P::NAME);
    }
    copy(pool, projection, events).await;
    assert_eq!(contents::<P>(pool).await, one_by_one, "{} copied", P::NAME);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn the_same_events_make_the_same_rows_in_batches_of_any_size(pool: PgPool) {
    let seed: [u8; 32] = rand::random();
    println!("seed {seed:?}");
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    for _ in 0..4 {
        let steps = proptest::collection::vec(trade::steps(), 60..200).new_tree(&mut runner).unwrap().current();
        let events = trade::log(trade::opening().into_iter().chain(steps));
        assert_same(&pool, &Catalog, &events).await;
        assert_same(&pool, &Inventory, &events).await;
        assert_same(&pool, &Sales, &events).await;
        assert_same(&pool, &Reporting, &events).await;
    }
}
