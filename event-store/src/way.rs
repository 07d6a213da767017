//! The appender's way to Postgres.

use chrono::{DateTime, Utc};
use sqlx::error::DatabaseError;

use crate::append::{Appended, Known, append};
use crate::commit::Commit;
use crate::deadline::{Bounded, Connection};
use crate::hold::{Held, hold_the_log};

/// Postgres, over one connection as long as it works: the pool would try it before and after each use, and take another one each time.
pub(crate) struct Way {
    database: Bounded,
    connection: Option<Connection>,
}

impl Way {
    pub(crate) fn to(database: Bounded) -> Self {
        Self { database, connection: None }
    }

    /// Keeps all others from appending.
    pub(crate) async fn hold_the_log(&mut self) -> Result<Held, sqlx::Error> {
        hold_the_log(self.connection().await?).await
    }

    /// One try at appending a batch.
    ///
    /// # Errors
    /// See [`append`].
    pub(crate) async fn append<'a>(
        &mut self,
        commits: impl Iterator<Item = &'a Commit>,
        oldest_key: DateTime<Utc>,
        known: Option<Known>,
        held: Option<Held>,
    ) -> Result<Appended, sqlx::Error> {
        let (appended, connection) = if let Some(held) = held {
            held.append(commits, oldest_key, known).await?
        } else {
            let mut connection = self.connection().await?;
            let appended = connection.within(|connection| append(connection, commits, oldest_key, known));
            (appended.await?, connection)
        };
        self.connection = Some(connection);
        Ok(appended)
    }

    async fn connection(&mut self) -> Result<Connection, sqlx::Error> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.database.acquire().await,
        }
    }
}

/// Whether the same batch would get this error again: it is not the state of the server, the connection or the transaction.
pub(crate) fn is_about_the_content(error: &sqlx::Error) -> bool {
    const STATE: [&str; 9] = ["08", "25", "40", "53", "55", "57", "58", "F0", "XX"];
    match error.as_database_error().and_then(DatabaseError::code) {
        Some(code) => !STATE.iter().any(|class| code.starts_with(class)),
        None => matches!(error, sqlx::Error::Encode(_)),
    }
}
