use event_store::Lease;
use event_store::log::Place;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Postgres, QueryBuilder};

use crate::checkpoint;

/// Rows in one statement at most: it holds them all in memory.
const ROWS_AT_A_TIME: usize = 10_000;

/// The move of a checkpoint and the rows that are written if it moves: one statement, so that a batch costs one round trip. Only what is
/// too much for one is written by several, in a transaction.
pub struct Writes {
    statements: Vec<Statement>,
    rows: usize,
}

/// `with moved as (…), written_1 as (…) … select count(*) from moved`. What is written selects from `moved`: nothing, if that is empty.
struct Statement {
    query: QueryBuilder<'static, Postgres>,
    parts: usize,
    rows: usize,
}

impl Writes {
    /// Moves a checkpoint from one place to another, under that lease.
    pub(crate) fn moving(checkpoint: &str, from: Place, to: Place, lease: &Lease) -> Self {
        let first = Statement::new(|query| checkpoint::push_advance(query, checkpoint, from, to, lease));
        Self { statements: vec![first], rows: 0 }
    }

    /// Adds what `push` makes of each share of `rows`: a statement that selects from `moved`.
    pub(crate) fn add<T>(&mut self, rows: &[T], push: impl Fn(&[T], &mut QueryBuilder<'static, Postgres>)) {
        self.rows += rows.len();
        for rows in rows.chunks(ROWS_AT_A_TIME) {
            if self.statements.last().is_none_or(|last| last.rows + rows.len() > ROWS_AT_A_TIME) {
                self.statements.push(Statement::new(|query| _ = query.push("select 1")));
            }
            if let Some(statement) = self.statements.last_mut() {
                statement.add(rows, &push);
            }
        }
    }

    /// Rows that are written.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Writes all of it, or nothing: `false` when the checkpoint does not stand where it should, the log has other events there, or the
    /// lease is no longer held.
    pub(crate) async fn execute(self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        if let [_] = self.statements.as_slice() {
            return self.execute_in(connection).await;
        }
        let mut transaction = connection.begin().await?;
        let moved = self.execute_in(&mut transaction).await?;
        if moved {
            transaction.commit().await?;
        }
        Ok(moved)
    }

    async fn execute_in(self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        for mut statement in self.statements {
            statement.query.push(" select count(*) from moved");
            let moved: i64 = statement.query.build_query_scalar().fetch_one(&mut *connection).await?;
            if moved == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Statement {
    fn new(push: impl FnOnce(&mut QueryBuilder<'static, Postgres>)) -> Self {
        let mut query = QueryBuilder::new("with moved as (");
        push(&mut query);
        query.push(")");
        Self { query, parts: 0, rows: 0 }
    }

    fn add<T>(&mut self, rows: &[T], push: impl Fn(&[T], &mut QueryBuilder<'static, Postgres>)) {
        self.parts += 1;
        self.rows += rows.len();
        self.query.push(format!(", written_{} as (", self.parts));
        push(rows, &mut self.query);
        self.query.push(")");
    }
}
