//! No statement is waited for without end: a connection may die without a word, and what was asked over it is never answered.
//!
//! One that gave no answer in time, or whose server cannot be used any more, is closed at once and for good. A pool would first wait for
//! its answer, too, and then give it to somebody else.

use std::future::Future;
use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgDatabaseError, PgQueryResult, PgRow, PgSeverity, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres};

/// Waits for the database no longer than `limit`.
///
/// # Errors
/// Those of `answer`, or that there was none in time: then nothing is known of what became of it.
pub async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let missing = format!("no answer from the database within {limit:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, missing).into())
    })
}

/// Whether the connection that gave this error is of no use any more: it is broken, the server is going, or takes no writes since another
/// one took over from it.
#[must_use]
pub fn is_of_the_connection(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_));
    };
    let ends_it = |error: &PgDatabaseError| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic);
    error.try_downcast_ref::<PgDatabaseError>().is_some_and(ends_it)
        || error.code().is_some_and(|code| code == "25006" || code.starts_with("08") || code.starts_with("57P0"))
}

/// A pool whose statements end in time. A reference to it executes statements, as one to a pool does.
#[derive(Debug, Clone)]
pub struct Bounded {
    pool: PgPool,
    limit: Duration,
}

impl Bounded {
    /// No statement is waited for longer than `limit`. How long a connection is waited for is up to the pool.
    #[must_use]
    pub fn new(pool: PgPool, limit: Duration) -> Self {
        Self { pool, limit }
    }

    /// The pool itself, for what has no end: listening, copying.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// How long a statement is waited for.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// A connection for several statements.
    ///
    /// # Errors
    /// When there is none within the time that the pool allows.
    pub async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        let pooled = Some(self.pool.acquire().await?);
        Ok(Connection { pooled, limit: self.limit, is_lost: false })
    }
}

/// A connection that goes back to its pool when it is dropped, if it can be used again.
#[derive(Debug)]
pub struct Connection {
    /// Taken when it is dropped.
    pooled: Option<PoolConnection<Postgres>>,
    limit: Duration,
    is_lost: bool,
}

impl Connection {
    /// Does something with the connection, one statement or several, in the time that one may take.
    ///
    /// # Errors
    /// Those of `work`, or that it had no end in time: then nothing is known of what became of it.
    pub async fn within<'c, T, F>(&'c mut self, work: impl FnOnce(&'c mut PgConnection) -> F) -> Result<T, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let Self { pooled, limit, is_lost } = self;
        let Some(connection) = pooled else { return Err(sqlx::Error::PoolClosed) };
        let done = within(*limit, work(connection)).await;
        *is_lost |= done.as_ref().is_err_and(is_of_the_connection);
        done
    }

    /// It will be closed at once, whatever is still under way: nobody else gets it.
    pub fn lose(&mut self) {
        self.is_lost = true;
    }

    /// It is as it was when it came from the pool, after all.
    pub fn keep(&mut self) {
        self.is_lost = false;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(mut pooled) = self.pooled.take() else { return };
        if self.is_lost {
            // Without a farewell: the socket is closed, the server finds out.
            drop(pooled.detach());
        } else if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // The pool waits until it is ready again; if a statement was given up in the middle, that may be never.
            runtime.spawn(tokio::time::timeout(self.limit, pooled.return_to_pool()));
        }
    }
}

impl<'p> Executor<'p> for &'_ Bounded {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let bounded = self.clone();
        let all = async move {
            let mut connection = bounded.acquire().await?;
            let all: Vec<_> = connection.within(|c| c.fetch_many(query).try_collect()).await?;
            Ok::<_, sqlx::Error>(stream::iter(all).map(Ok))
        };
        stream::once(all).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let bounded = self.clone();
        Box::pin(async move { bounded.acquire().await?.within(|c| c.fetch_optional(query)).await })
    }

    fn prepare_with<'e, 'q: 'e>(
        self,
        sql: &'q str,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement<'q>, sqlx::Error>>
    where
        'p: 'e,
    {
        let bounded = self.clone();
        Box::pin(async move { bounded.acquire().await?.within(|c| c.prepare_with(sql, parameters)).await })
    }

    fn describe<'e, 'q: 'e>(self, sql: &'q str) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        let bounded = self.clone();
        Box::pin(async move { bounded.acquire().await?.within(|c| c.describe(sql)).await })
    }
}
