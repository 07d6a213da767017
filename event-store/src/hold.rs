//! Holding the log for those who lost a race.

use chrono::{DateTime, Utc};
use sqlx::Executor as _;

use crate::append::{Appended, Known, append};
use crate::commit::Commit;
use crate::deadline::Connection;

/// The log, while nobody else can append. If it is dropped, its connection is closed, and with it the transaction.
pub(crate) struct Held(Connection);

/// Keeps all others from appending until the transaction ends.
///
/// # Errors
/// When Postgres cannot be reached, or gives no answer in time.
pub(crate) async fn hold_the_log(mut connection: Connection) -> Result<Held, sqlx::Error> {
    connection.lose();
    let held = connection.within(|connection| async move {
        connection.execute("BEGIN").await?;
        // If this process is stopped in the middle, Postgres ends its transaction.
        sqlx::query!("select set_config('idle_in_transaction_session_timeout', '1s', true)")
            .fetch_one(&mut *connection)
            .await?;
        // An empty batch takes the lock, and appends nothing.
        append(connection, std::iter::empty(), DateTime::UNIX_EPOCH, None).await
    });
    held.await?;
    Ok(Held(connection))
}

impl Held {
    /// Appends, and lets go of the log. The connection can be used again.
    ///
    /// # Errors
    /// See [`append`].
    pub(crate) async fn append<'a>(
        self,
        commits: impl Iterator<Item = &'a Commit>,
        oldest_key: DateTime<Utc>,
        known: Option<Known>,
    ) -> Result<(Appended, Connection), sqlx::Error> {
        let Self(mut connection) = self;
        let appended = connection.within(|connection| async move {
            let appended = append(&mut *connection, commits, oldest_key, known).await?;
            connection.execute("COMMIT").await?;
            Ok(appended)
        });
        let appended = appended.await?;
        connection.keep();
        Ok((appended, connection))
    }
}
