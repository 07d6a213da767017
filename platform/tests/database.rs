//! A service's connections: none is dead, leads to a server that takes no writes, or forgets what it said.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use e2e::proxy::Proxy;
use platform::config::Database;
use platform::database::Purpose;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, PgPool};

fn settings(options: &PgConnectOptions) -> Database {
    let database_url = options.to_url_lossy().to_string();
    Database { database_url, database_connections: 2, database_timeout: 3, statement_timeout: 1 }
}

async fn set(pool: &PgPool, what: &str) {
    let statement = format!("do $$ begin execute format('alter database %I set {what}', current_database()); end $$");
    sqlx::raw_sql(&statement).execute(pool).await.unwrap();
}

async fn show(pool: &PgPool, what: &str) -> String {
    sqlx::query_scalar(&format!("show {what}")).fetch_one(pool).await.unwrap()
}

#[sqlx::test]
async fn who_records_waits_for_the_disk_whatever_others_have_set(pools: PgPoolOptions, options: PgConnectOptions) {
    let admin = pools.connect_with(options.clone()).await.unwrap();
    for (weak, expected) in [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        set(&admin, &format!("synchronous_commit = {weak}")).await;
        let pool = settings(&options).connect("test", Purpose::Recording).await.unwrap();
        assert_eq!(show(&pool, "synchronous_commit").await, expected);
        pool.close().await;
    }
}

#[sqlx::test]
async fn who_writes_refuses_a_server_that_takes_no_writes_and_who_reads_does_not(
    pools: PgPoolOptions,
    options: PgConnectOptions,
) {
    let admin = pools.connect_with(options.clone()).await.unwrap();
    set(&admin, "default_transaction_read_only = on").await;
    for purpose in [Purpose::Recording, Purpose::Deriving] {
        let refused = settings(&options).connect("test", purpose).await.unwrap_err();
        assert!(format!("{refused:#}").contains("takes writes"), "{refused:#}");
    }
    let pool = settings(&options).connect("test", Purpose::Reading).await.unwrap();
    assert_eq!(show(&pool, "transaction_read_only").await, "on");
    pool.close().await;
}

#[sqlx::test]
async fn a_connection_that_died_while_it_was_idle_is_replaced(_: PgPoolOptions, options: PgConnectOptions) {
    let proxy = Proxy::start(options.get_port(), b"never sent").await.unwrap();
    for purpose in [Purpose::Recording, Purpose::Reading] {
        let pool = settings(&options.clone().port(proxy.port())).connect("test", purpose).await.unwrap();
        let before: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await.unwrap();
        // It is given back, and long enough ago to be tried before it is used again.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        proxy.let_die();
        let after: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await.unwrap();
        assert_ne!(before, after);
    }
}
