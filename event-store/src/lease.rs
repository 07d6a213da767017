//! Who does a job that only one may do at a time.
//!
//! Leases are written synchronously, whatever the session's other commits are: one that was lost in a crash could be held twice, and one
//! that a former primary grants while nobody follows it must not be granted at all.

use std::time::Duration;

use sqlx::PgExecutor;
use sqlx::postgres::types::PgInterval;

/// A job held until it expires, unless it is renewed. Time is the database's, so clocks need not agree.
///
/// The token grows with each change of holder: a write that names it cannot come from a holder who was taken over from.
#[derive(Debug, Clone)]
pub struct Lease {
    /// What job.
    pub name: String,
    /// Who does it.
    pub holder: String,
    /// Grows with each change of holder.
    pub token: i64,
    ttl: Duration,
}

impl Lease {
    /// Takes the job if nobody has it, or whoever had it has let it expire. `None` when somebody else does it.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn acquire(
        executor: impl PgExecutor<'_>,
        name: &str,
        holder: &str,
        ttl: Duration,
    ) -> Result<Option<Self>, sqlx::Error> {
        let token = sqlx::query_scalar!(
            "insert into leases as held (name, holder, token, expires_at)
             select $1, $2, 1, clock_timestamp() + $3 where set_config('synchronous_commit', 'on', true) = 'on'
             on conflict (name) do update set
                 holder = excluded.holder, expires_at = excluded.expires_at,
                 token = held.token + case when held.holder = excluded.holder then 0 else 1 end
             where held.holder = excluded.holder or held.expires_at < clock_timestamp()
             returning token",
            name,
            holder,
            interval(ttl)
        )
        .fetch_optional(executor)
        .await?;
        Ok(token.map(|token| Self { name: name.to_owned(), holder: holder.to_owned(), token, ttl }))
    }

    /// Keeps the job for another while. False when somebody else has taken it.
    ///
    /// # Errors
    /// When the database cannot be asked; the lease may have expired meanwhile.
    pub async fn renew(&self, executor: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query!(
            "update leases set expires_at = clock_timestamp() + $3
             where name = $1 and token = $2 and holder = $4 and set_config('synchronous_commit', 'on', true) = 'on'",
            self.name,
            self.token,
            interval(self.ttl),
            self.holder
        )
        .execute(executor)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Lets the job go at once.
    ///
    /// # Errors
    /// When the database cannot be asked; then the lease expires by itself.
    pub async fn release(self, executor: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "update leases set expires_at = clock_timestamp() - interval '1 second'
             where name = $1 and token = $2 and holder = $3 and set_config('synchronous_commit', 'on', true) = 'on'",
            self.name,
            self.token,
            self.holder
        )
        .execute(executor)
        .await?;
        Ok(())
    }

    /// How long the lease lasts without being renewed.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.ttl
    }
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX) }
}
