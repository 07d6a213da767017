//! How far each projection has got, and waiting for it to get further.
//!
//! Positions are read over and over while somebody waits, by one task for all who wait. A notification would be more elegant, but a
//! NOTIFY makes each projection's commit wait for every append's, which waits for the disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// How often positions are read while somebody waits.
const POLL: Duration = Duration::from_millis(1);
/// How long after they could not be read they are read again.
const RETRY: Duration = Duration::from_millis(250);

/// How far each projection has got.
#[derive(Clone)]
pub struct Progress(Arc<Shared>);

struct Shared {
    positions: watch::Sender<HashMap<String, i64>>,
    waiting: AtomicUsize,
    somebody_waits: Notify,
}

impl Progress {
    /// Starts the task that reads positions for whoever waits, until `stop` is cancelled.
    #[must_use]
    pub fn follow(pool: PgPool, stop: CancellationToken) -> Self {
        let shared = Shared {
            positions: watch::Sender::new(HashMap::new()),
            waiting: AtomicUsize::new(0),
            somebody_waits: Notify::new(),
        };
        let progress = Self(Arc::new(shared));
        let followed = Arc::clone(&progress.0);
        tokio::spawn(async move { stop.run_until_cancelled(followed.read(pool)).await });
        progress
    }

    /// Waits until a projection has reached a position, for at most that long; tells whether it has.
    pub async fn reaches(&self, projection: &str, position: i64, patience: Duration) -> bool {
        let _waiter = Waiter::new(&self.0);
        let mut positions = self.0.positions.subscribe();
        let reached = positions.wait_for(|positions| positions.get(projection).is_some_and(|now| *now >= position));
        tokio::time::timeout(patience, reached).await.is_ok_and(|found| found.is_ok())
    }
}

impl Shared {
    async fn read(&self, pool: PgPool) {
        loop {
            self.somebody_waits.notified().await;
            if let Err(error) = self.read_while_waited_for(&pool).await {
                tracing::warn!(%error, "the projections' progress cannot be read just now");
                tokio::time::sleep(RETRY).await;
                self.somebody_waits.notify_one();
            }
        }
    }

    async fn read_while_waited_for(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let mut connection = pool.acquire().await?;
        while self.waiting.load(Ordering::Acquire) > 0 {
            let rows =
                sqlx::query!("select name, position from projection.checkpoints").fetch_all(&mut *connection).await?;
            self.positions.send_replace(rows.into_iter().map(|row| (row.name, row.position)).collect());
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

/// Counts as waiting until it is dropped, however the wait ends.
struct Waiter<'a>(&'a Shared);

impl<'a> Waiter<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::Release);
        shared.somebody_waits.notify_one();
        Self(shared)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Release);
    }
}
