//! Keeps one projection up to date, live. Every process may run every projection; a lease says which one does.

use std::sync::Arc;
use std::time::Duration;

use event_store::{FeedError, FeedSource, Lease, Pace, Recorded, SharedFeed, log};
use sqlx::PgExecutor;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Projection;
use crate::batch::{BatchError, Model};
use crate::checkpoint::Checkpoint;
use crate::{rows, schema};

/// How long the checkpoint may stand before events that changed no row: most events are of other contexts, and a commit for each few of
/// them would cost more than all the folding.
const SETTLE: Duration = Duration::from_millis(3);

/// From how many events a second and core on batches are left to grow: measured, a little more than half of what two cores take in over
/// HTTP. Below that, a query that waits for its command should not wait for a batch.
const FAST: u16 = 4000;

/// How workers work.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Tells this process from others; the lease's holder.
    pub holder: String,
    /// How long a worker may be silent before another takes over.
    pub lease: Duration,
    /// Events in one transaction at most.
    pub batch: usize,
    /// Rows kept in memory between batches at most, for each projection.
    pub cached_rows: usize,
}

/// The lease under which a projection is written.
pub(crate) fn lease_name(projection: &str) -> String {
    format!("projection/{projection}")
}

/// The lease by which a rebuild asks the live worker to stand aside for a moment.
pub(crate) fn handover_name(projection: &str) -> String {
    format!("handover/{projection}")
}

#[derive(Debug, Error)]
enum WorkerError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Nothing but an operator can help.
    #[error("{0}")]
    Refused(String),
}

/// Runs until `stop` is cancelled. After trouble with the database or the stream it begins again from the checkpoint; at an event that
/// cannot be applied it stops, says so in the checkpoint, and lets all other projections go on.
pub(crate) async fn run<P: Projection + Clone>(
    projection: P,
    feed: SharedFeed,
    settings: WorkerSettings,
    stop: CancellationToken,
) {
    let mut pause = Duration::from_millis(100);
    while !stop.is_cancelled() {
        let outcome = turn(&projection, &feed, &settings, &stop).await;
        metrics::gauge!("annals_projection_leading", "projection" => P::NAME).set(0.0);
        pause = match outcome {
            Ok(()) => settings.lease / 5,
            Err(WorkerError::Batch(BatchError::Poison { position, reason })) => {
                stopped::<P>(feed.source(), Some(position), &reason).await;
                // Nothing changes by itself; a new release or an operator may change something.
                Duration::from_secs(30)
            }
            Err(WorkerError::Feed(error @ FeedError::Upcast { position, .. })) => {
                stopped::<P>(feed.source(), Some(position), &error.to_string()).await;
                Duration::from_secs(30)
            }
            Err(WorkerError::Refused(reason)) => {
                feed.forget();
                stopped::<P>(feed.source(), None, &reason).await;
                Duration::from_secs(5)
            }
            Err(error) => {
                feed.forget();
                tracing::warn!(projection = P::NAME, error = ?error, "the projection begins again from its checkpoint");
                (pause * 2).min(Duration::from_secs(2))
            }
        };
        let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

async fn stopped<P: Projection>(source: &FeedSource, position: Option<i64>, reason: &str) {
    tracing::error!(projection = P::NAME, position, reason, "the projection has stopped");
    if let Err(error) = Checkpoint::stop(&source.pool, P::NAME, position, reason).await {
        tracing::warn!(projection = P::NAME, %error, "the stop could not be written down");
    }
}

/// Takes the lease and works as long as it holds and all goes well. `Ok` when the lease is somebody else's.
async fn turn<P: Projection + Clone>(
    projection: &P,
    feed: &SharedFeed,
    settings: &WorkerSettings,
    stop: &CancellationToken,
) -> Result<(), WorkerError> {
    let source = feed.source();
    let pool = &source.pool;
    if is_wanted::<P>(pool).await? {
        return Ok(());
    }
    let Some(lease) = Lease::acquire(pool, &lease_name(P::NAME), &settings.holder, settings.lease).await? else {
        return Ok(());
    };
    metrics::gauge!("annals_projection_leading", "projection" => P::NAME).set(1.0);
    let position = prepare::<P>(source).await?;
    let mut model = Model::new(projection.clone(), P::NAME, position);
    let mut reader = feed.reader(position);
    let mut connection = rows::connect(pool).await?;
    let mut renewed = Instant::now();
    let mut settle_by = None;
    let mut pace = Pace::new(settings.batch, FAST);
    let worked = loop {
        if renewed.elapsed() > settings.lease / 5 {
            if is_wanted::<P>(&mut connection).await? || !lease.renew(&mut connection).await? {
                break Ok(());
            }
            renewed = Instant::now();
        }
        let until = settle_by.unwrap_or(renewed + settings.lease / 5);
        let events = tokio::select! {
            next = reader.next_batch(settings.batch, until) => next?,
            () = stop.cancelled() => break Ok(()),
        };
        if let Err(error) = model.apply(&mut connection, &events, &lease).await {
            break Err(error.into());
        }
        if settle_by.is_some_and(|by| by <= Instant::now())
            && let Err(error) = model.settle(&mut connection, &lease).await
        {
            break Err(error.into());
        }
        settle_by = (model.folded() > model.position()).then(|| settle_by.unwrap_or_else(|| Instant::now() + SETTLE));
        if model.rows_in_memory() > settings.cached_rows {
            model.forget();
        }
        observe::<P>(&events);
        pace.after(events.len()).await;
    };
    if let Err(error) = lease.release(&mut connection).await {
        tracing::debug!(projection = P::NAME, %error, "the lease was left to expire");
    }
    worked
}

/// A rebuild waits for its turn.
async fn is_wanted<P: Projection>(executor: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from leases where name = $1 and expires_at > clock_timestamp()) as "wanted!""#,
        handover_name(P::NAME)
    )
    .fetch_one(executor)
    .await
}

/// Makes the model if it is not there, and checks that it is this log's and this version's; tells where it stands.
async fn prepare<P: Projection>(source: &FeedSource) -> Result<i64, WorkerError> {
    let pool = &source.pool;
    let checkpoint = if let Some(checkpoint) = Checkpoint::find(pool, P::NAME).await? {
        checkpoint
    } else {
        schema::create(pool, P::NAME, P::SCHEMA, P::VERSION, "running").await?;
        Checkpoint::find(pool, P::NAME)
            .await?
            .ok_or_else(|| WorkerError::Refused("the checkpoint has vanished".to_owned()))?
    };
    if checkpoint.version != P::VERSION {
        let (is, wanted) = (checkpoint.version, P::VERSION);
        return Err(WorkerError::Refused(format!(
            "the model has version {is}, this program needs {wanted}: replay-tool rebuild {}",
            P::NAME
        )));
    }
    let head = log::head(pool).await?;
    if checkpoint.log_id != head.log_id || checkpoint.position > head.position {
        return Err(WorkerError::Refused(format!(
            "the model was made from another log: replay-tool rebuild {}",
            P::NAME
        )));
    }
    Ok(checkpoint.position)
}

fn observe<P: Projection>(events: &[Arc<Recorded>]) {
    let count = u64::try_from(events.len()).unwrap_or_default();
    metrics::counter!("annals_projection_events_total", "projection" => P::NAME).increment(count);
    if let Some(last) = events.last() {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; positions are exact in it up to 2^53")]
        metrics::gauge!("annals_projection_position", "projection" => P::NAME).set(last.position as f64);
    }
}
