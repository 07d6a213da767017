//! A lease that is kept while long work goes on.

use std::time::Duration;

use event_store::Lease;
use event_store::deadline::within;
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// How long an answer about a lease is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// Renews a lease on a connection of its own, however long the work takes that it is for. The work's commits find out when it was lost:
/// each names the lease.
pub(crate) struct Kept {
    lease: Lease,
    pool: PgPool,
    renewing: AbortOnDropHandle<()>,
}

impl Kept {
    /// Takes a lease. One whose holder was killed is waited for until it expires; `None` when its holder is alive, and renews it.
    pub(crate) async fn take(
        pool: &PgPool,
        name: &str,
        holder: &str,
        ttl: Duration,
        wait: impl Fn(),
    ) -> Result<Option<Self>, sqlx::Error> {
        let began = Instant::now();
        let mut expiry = None;
        loop {
            if let Some(lease) = within(ANSWER, Lease::acquire(pool, name, holder, ttl)).await? {
                return Ok(Some(Self::keep(lease, pool.clone())));
            }
            let now = within(ANSWER, expires_at(pool, name)).await?;
            if now > *expiry.get_or_insert(now) || began.elapsed() > ttl * 3 {
                return Ok(None);
            }
            wait();
            tokio::time::sleep(ttl / 10).await;
        }
    }

    fn keep(lease: Lease, pool: PgPool) -> Self {
        let (kept, with) = (lease.clone(), pool.clone());
        let renewing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(kept.ttl() / 5).await;
                match within(kept.ttl() / 2, kept.renew(&with)).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => tracing::warn!(lease = kept.name, %error, "the lease could not be renewed"),
                }
            }
        });
        Self { lease, pool, renewing: AbortOnDropHandle::new(renewing) }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Lets go at once; whoever waits for it need not wait until it expires.
    pub(crate) async fn release(self) {
        drop(self.renewing);
        if let Err(error) = within(ANSWER, self.lease.release(&self.pool)).await {
            tracing::debug!(%error, "a lease was left to expire");
        }
    }
}

async fn expires_at(pool: &PgPool, name: &str) -> Result<Option<chrono::DateTime<chrono::Utc>>, sqlx::Error> {
    sqlx::query_scalar!("select expires_at from public.leases where name = $1", name).fetch_optional(pool).await
}
