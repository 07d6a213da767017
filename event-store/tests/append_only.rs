//! I2: nobody changes the log.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use sqlx::PgPool;

const CHANGES: [&str; 5] = [
    "update events set payload = '{}'",
    "delete from events",
    "truncate events",
    "delete from log_head",
    "update log_head set position = position - 1",
];

async fn fill(pool: &PgPool) {
    sqlx::query("insert into events values (1, 't', 'i', 1, gen_random_uuid(), 'e', '1', '{}', '{}', now())")
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("update log_head set position = 1").execute(pool).await.unwrap();
}

/// The error that a statement ends with when a role runs it.
async fn refusal(pool: &PgPool, role: &str, statement: &str) -> Option<String> {
    let mut transaction = pool.begin().await.unwrap();
    sqlx::raw_sql(&format!("set local role {role}")).execute(&mut *transaction).await.unwrap();
    let result = sqlx::raw_sql(statement).execute(&mut *transaction).await;
    result.err().map(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn no_role_updates_deletes_or_truncates_the_log(pool: PgPool) {
    fill(&pool).await;
    let owner: String = sqlx::query_scalar("select tableowner::text from pg_tables where tablename = 'events'")
        .fetch_one(&pool)
        .await
        .unwrap();
    for role in ["annals_command", "annals_projector", "annals_query", "annals_replay", owner.as_str()] {
        for change in CHANGES {
            assert_eq!(refusal(&pool, role, change).await.as_deref(), Some("42501"), "{role}: {change}");
        }
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_grant_does_not_make_the_log_changeable(pool: PgPool) {
    fill(&pool).await;
    sqlx::raw_sql("grant all on events, log_head to annals_command").execute(&pool).await.unwrap();
    for change in CHANGES {
        assert_eq!(refusal(&pool, "annals_command", change).await.as_deref(), Some("42501"), "{change}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn nobody_writes_but_through_append(pool: PgPool) {
    let insert = "insert into events values (1, 't', 'i', 1, gen_random_uuid(), 'e', '1', '{}', '{}', now())";
    for role in ["annals_command", "annals_projector", "annals_query", "annals_replay"] {
        assert_eq!(refusal(&pool, role, insert).await.as_deref(), Some("42501"), "{role}");
        assert_eq!(refusal(&pool, role, "update log_head set position = 9").await.as_deref(), Some("42501"), "{role}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn only_the_command_role_may_append(pool: PgPool) {
    let append =
        "select append(null, null, null, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
                                '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', now())";
    assert_eq!(refusal(&pool, "annals_command", append).await, None);
    for role in ["annals_projector", "annals_query", "annals_replay"] {
        assert_eq!(refusal(&pool, role, append).await.as_deref(), Some("42501"), "{role}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn replica_mode_does_not_pass_what_keeps_the_log(pool: PgPool) {
    fill(&pool).await;
    for change in CHANGES {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::raw_sql("set local session_replication_role = replica").execute(&mut *transaction).await.unwrap();
        let error = sqlx::raw_sql(change).execute(&mut *transaction).await.expect_err(change);
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"), "{change}");
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn no_schema_called_like_a_role_comes_before_the_log(pool: PgPool) {
    sqlx::raw_sql(
        "set role annals_projector; create schema annals_command;
         create function annals_command.forged() returns int language sql as 'select 1';
         grant usage on schema annals_command to public;
         grant execute on function annals_command.forged to public; reset role",
    )
    .execute(&pool)
    .await
    .unwrap();
    let options = (*pool.connect_options()).clone().username("annals_command");
    let command = sqlx::postgres::PgPoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let error = sqlx::raw_sql("select forged()").execute(&command).await.expect_err("the forged function was found");
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42883"));
    let error = sqlx::raw_sql("create temp table events ()").execute(&command).await.expect_err("a table that shadows");
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"));
    command.close().await;
}
