//! A lease is held by one, is taken over from who is silent, and who was taken over from notices.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use event_store::Lease;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

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

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_lease_is_written_synchronously_by_a_session_that_does_not_wait_for_its_commits(
    pools: PgPoolOptions,
    options: PgConnectOptions,
) {
    let pool = pools.connect_with(options.options([("synchronous_commit", "off")])).await.unwrap();
    sqlx::raw_sql(
        "create table seen (setting text);
         create function see() returns trigger language plpgsql as $$
             begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
         create trigger see after insert or update on leases for each row execute function see()",
    )
    .execute(&pool)
    .await
    .unwrap();
    let held = acquire(&pool, "one").await.unwrap();
    assert!(held.renew(&pool).await.unwrap());
    held.release(&pool).await.unwrap();
    acquire(&pool, "two").await.unwrap();
    let seen: Vec<String> = sqlx::query_scalar("select setting from seen").fetch_all(&pool).await.unwrap();
    assert_eq!(seen, ["on"; 4]);
    let afterwards: String = sqlx::query_scalar("show synchronous_commit").fetch_one(&pool).await.unwrap();
    assert_eq!(afterwards, "off", "only the lease is waited for");
}
