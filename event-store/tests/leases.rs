//! A lease is held by one, is taken over from who is silent, and who was taken over from notices.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use event_store::Lease;
use sqlx::PgPool;

const SHORT: Duration = Duration::from_millis(200);

async fn acquire(pool: &PgPool, holder: &str) -> Option<Lease> {
    Lease::acquire(pool, "job", holder, SHORT).await.unwrap()
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn of_many_who_ask_at_once_one_gets_the_lease(pool: PgPool) {
    let names: Vec<_> = (0..16).map(|number| number.to_string()).collect();
    let asked = futures::future::join_all(names.iter().map(|name| acquire(&pool, name))).await;
    assert_eq!(asked.into_iter().flatten().count(), 1);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_silent_holder_is_taken_over_from_and_cannot_renew(pool: PgPool) {
    let old = acquire(&pool, "old").await.unwrap();
    assert!(acquire(&pool, "new").await.is_none());
    tokio::time::sleep(SHORT * 2).await;
    let new = acquire(&pool, "new").await.unwrap();
    assert!(!old.renew(&pool).await.unwrap());
    assert!(new.renew(&pool).await.unwrap());
    // Letting go of what is no longer one's own takes nothing from its holder.
    old.release(&pool).await.unwrap();
    assert!(new.renew(&pool).await.unwrap());
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_holder_who_is_heard_keeps_the_lease_and_one_who_lets_go_gives_it_up_at_once(pool: PgPool) {
    let held = acquire(&pool, "old").await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(SHORT / 2).await;
        assert!(held.renew(&pool).await.unwrap());
        assert!(acquire(&pool, "new").await.is_none());
    }
    held.release(&pool).await.unwrap();
    assert!(acquire(&pool, "new").await.is_some());
}
