//! How far each projection has got, and waiting for it to get further.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often positions are read, should notifications not come.
const POLL: Duration = Duration::from_millis(250);

/// How far each projection has got. One task per process listens to the projectors' commits.
#[derive(Clone)]
pub struct Progress(Arc<watch::Sender<HashMap<String, i64>>>);

impl Progress {
    /// Starts listening, until `stop` is cancelled.
    #[must_use]
    pub fn follow(pool: PgPool, stop: CancellationToken) -> Self {
        let progress = Self(Arc::new(watch::Sender::new(HashMap::new())));
        let followed = progress.clone();
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                if let Err(error) = followed.listen(&pool, &stop).await {
                    tracing::warn!(%error, "the projections' progress cannot be followed just now");
                    let _ = stop.run_until_cancelled(tokio::time::sleep(POLL)).await;
                }
            }
        });
        progress
    }

    async fn listen(&self, pool: &PgPool, stop: &CancellationToken) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen("annals_projection").await?;
        loop {
            let rows = sqlx::query!("select name, position from projection.checkpoints").fetch_all(pool).await?;
            self.0.send_replace(rows.into_iter().map(|row| (row.name, row.position)).collect());
            let until = tokio::time::Instant::now() + POLL * 4;
            loop {
                tokio::select! {
                    notified = listener.recv() => self.heard(notified?.payload()),
                    () = tokio::time::sleep_until(until) => break,
                    () = stop.cancelled() => return Ok(()),
                }
            }
        }
    }

    fn heard(&self, payload: &str) {
        let Some((name, position)) = payload.split_once(' ') else { return };
        let Ok(position) = position.parse() else { return };
        self.0.send_modify(|positions| {
            positions.insert(name.to_owned(), position);
        });
    }

    /// Waits until a projection has reached a position, for at most that long; tells whether it has.
    pub async fn reaches(&self, projection: &str, position: i64, patience: Duration) -> bool {
        let mut positions = self.0.subscribe();
        let reached = positions.wait_for(|positions| positions.get(projection).is_some_and(|now| *now >= position));
        tokio::time::timeout(patience, reached).await.is_ok_and(|found| found.is_ok())
    }
}
