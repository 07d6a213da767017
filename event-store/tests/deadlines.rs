//! No statement is waited for without end, whatever happened to its connection, and no connection like that is used again.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use e2e::proxy::Proxy;
use event_store::deadline::Bounded;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Error, PgPool};

const LIMIT: Duration = Duration::from_millis(300);

async fn through_a_proxy(options: &PgConnectOptions, connections: u32) -> (Proxy, Bounded) {
    let proxy = Proxy::start(options.get_port(), b"never sent").await.unwrap();
    let pool = PgPoolOptions::new().max_connections(connections).test_before_acquire(false);
    let pool = pool.connect_with(options.clone().port(proxy.port())).await.unwrap();
    (proxy, Bounded::new(pool, LIMIT))
}

/// Sessions that end when their client has gone, even in the middle of a statement.
fn that_look_for_their_client(options: PgConnectOptions) -> PgConnectOptions {
    options.options([("client_connection_check_interval", "50ms")])
}

async fn nothing_is_under_way(bounded: &Bounded) {
    let others = "select count(*) from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'";
    while sqlx::query_scalar::<_, i64>(others).fetch_one(bounded).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn one(bounded: &Bounded) -> Result<i32, Error> {
    sqlx::query_scalar("select 1").fetch_one(bounded).await
}

fn has_no_answer<T: std::fmt::Debug>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut)
}

#[sqlx::test]
async fn a_connection_that_died_without_a_word_is_given_up_and_replaced(_: PgPoolOptions, options: PgConnectOptions) {
    let (proxy, bounded) = through_a_proxy(&options, 1).await;
    for _ in 0..3 {
        let mut connection = bounded.acquire().await.unwrap();
        proxy.let_die();
        let answer = tokio::spawn(async move {
            connection.within(async |connection| sqlx::query("select 1").execute(connection).await).await
        });
        assert!(has_no_answer(&answer.await.unwrap()));
        let all: Vec<i32> = sqlx::query_scalar("select generate_series(1, 3)").fetch_all(&bounded).await.unwrap();
        assert_eq!(all, [1, 2, 3]);
    }
}

#[sqlx::test]
async fn one_that_died_after_its_last_answer_does_not_keep_its_place_in_the_pool(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (proxy, bounded) = through_a_proxy(&options, 2).await;
    for _ in 0..3 {
        let (one, other) = (bounded.acquire().await.unwrap(), bounded.acquire().await.unwrap());
        proxy.let_die();
        // Nothing is wrong with them so far as they know.
        drop((one, other));
        assert!(bounded.acquire().await.is_ok(), "both places in the pool are lost");
    }
}

#[sqlx::test]
async fn a_statement_given_up_by_who_sent_it_does_not_keep_its_place_in_the_pool(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let (_proxy, bounded) = through_a_proxy(&that_look_for_their_client(options), 2).await;
    let asleep = || sqlx::query("select pg_sleep(60)").execute(&bounded);
    for _ in 0..3 {
        let given_up = tokio::time::timeout(Duration::from_millis(50), futures::future::join(asleep(), asleep()));
        assert!(given_up.await.is_err());
        assert_eq!(one(&bounded).await.unwrap(), 1);
    }
    nothing_is_under_way(&bounded).await;
}

#[sqlx::test]
async fn a_transaction_is_given_up_as_a_whole(pools: PgPoolOptions, options: PgConnectOptions) {
    let pool = pools.connect_with(that_look_for_their_client(options)).await.unwrap();
    sqlx::raw_sql("create table t (n integer)").execute(&pool).await.unwrap();
    let bounded = Bounded::new(pool, LIMIT);
    let mut connection = bounded.acquire().await.unwrap();
    let done = connection.within(async |connection| {
        let mut transaction = sqlx::Connection::begin(connection).await?;
        sqlx::query("insert into t values (1)").execute(&mut *transaction).await?;
        sqlx::query("select pg_sleep(60)").execute(&mut *transaction).await?;
        transaction.commit().await
    });
    assert!(has_no_answer(&done.await));
    drop(connection);
    nothing_is_under_way(&bounded).await;
    assert_eq!(sqlx::query_scalar::<_, i64>("select count(*) from t").fetch_one(&bounded).await.unwrap(), 0);
}

#[sqlx::test]
async fn a_connection_to_a_server_that_takes_no_writes_is_not_used_again(pool: PgPool) {
    sqlx::raw_sql("create table t (n integer)").execute(&pool).await.unwrap();
    let bounded = Bounded::new(pool, LIMIT);
    // Each session that there is now was opened while writes were refused; those opened later take them.
    let mut connection = bounded.acquire().await.unwrap();
    let refused = connection.within(async |connection| {
        sqlx::query("set default_transaction_read_only = on").execute(&mut *connection).await?;
        sqlx::query("insert into t values (1)").execute(connection).await
    });
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "25006");
    drop(connection);
    for _ in 0..10 {
        sqlx::query("insert into t values (1)").execute(&bounded).await.unwrap();
    }
}
