//! Keeps one projection up to date, live. Every process may run every projection; a lease says which one does.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use event_store::deadline::within;
use event_store::log::{self, Place};
use event_store::{Lease, Pace, Recorded, SharedFeed};
use futures::FutureExt as _;
use sqlx::{PgExecutor, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Projection;
use crate::batch::{BatchError, Model};
use crate::checkpoint::{Checkpoint, Stop};
use crate::stops::{Tries, WorkerError, in_few_words, stop_of};
use crate::{decisions, rows, schema};

/// How long a statement that reads or writes a row or two is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a batch is waited for.
const BATCH: Duration = Duration::from_secs(60);
/// How long a batch that is under way when the process is told to stop has to come to its end.
const LAST_BATCH: Duration = Duration::from_secs(3);
/// How often a worker that has stopped looks whether it may go on.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(500);
/// After how long it tries again, though nobody has told it to: what was wrong may have been put right.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(30);

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

/// Runs until `stop` is cancelled. After trouble with the database or the stream it begins again from the checkpoint; at an event that
/// cannot be applied it stops, says so in the checkpoint, and lets all other projections go on.
pub(crate) async fn run<P: Projection + Clone>(
    projection: P,
    feed: SharedFeed,
    settings: WorkerSettings,
    stop: CancellationToken,
) {
    let mut pause = Duration::from_millis(100);
    let mut tries = Tries::default();
    while !stop.is_cancelled() {
        let mut place = None;
        let turn = AssertUnwindSafe(turn(&projection, &feed, &settings, &stop, (&mut place, tries.is_again())));
        let outcome = turn.catch_unwind().await.unwrap_or(Err(WorkerError::Panicked));
        metrics::gauge!("annals_projection_leading", "projection" => P::NAME).set(0.0);
        let Err(error) = outcome else {
            pause = settings.lease / 5;
            let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
            continue;
        };
        feed.forget();
        let stops = error.stops_at_once() || (!error.passes() && tries.too_many(place));
        if let (true, Some(place)) = (stops, place) {
            let reason = stop_of(&error);
            let _ = stop.run_until_cancelled(stopped::<P>(&feed, place, &reason)).await;
            tries = Tries::default();
            pause = Duration::from_millis(100);
            continue;
        }
        if let WorkerError::Refused(reason) = &error {
            tracing::warn!(projection = P::NAME, reason, "this program cannot keep the projection");
            metrics::gauge!("annals_projection_refused", "projection" => P::NAME).set(1.0);
        } else {
            tracing::warn!(projection = P::NAME, error = %in_few_words(&error), "the projection begins again from its checkpoint");
        }
        pause = (pause * 2).min(Duration::from_secs(2));
        let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// Says so, and waits until it may go on.
async fn stopped<P: Projection>(feed: &SharedFeed, place: Place, stop: &Stop) {
    let (position, event_type) = stop.event.clone().unzip();
    tracing::error!(projection = P::NAME, position, event_type, reason = stop.reason, "the projection has stopped");
    let pool = &feed.source().pool;
    while let Err(error) = within(ANSWER, Checkpoint::stop(pool, P::NAME, place, stop)).await {
        tracing::warn!(projection = P::NAME, %error, "the stop could not be written down yet");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    until_told_to_go_on::<P>(pool).await;
}

/// An operator's decision and a rebuild show in the checkpoint. What else may have put things right shows when it is tried again.
async fn until_told_to_go_on<P: Projection>(pool: &PgPool) {
    let since = Instant::now();
    while since.elapsed() < TRIED_AGAIN_AFTER {
        tokio::time::sleep(LOOKED_AT_EVERY).await;
        if let Ok(checkpoint) = within(ANSWER, Checkpoint::find(pool, P::NAME)).await
            && checkpoint.is_none_or(|checkpoint| !checkpoint.is_stopped())
        {
            return;
        }
    }
}

/// Takes the lease and works as long as it holds and all goes well. `Ok` when the lease is somebody else's. `place` tells where it got;
/// `again` that the same error has come there before.
async fn turn<P: Projection + Clone>(
    projection: &P,
    feed: &SharedFeed,
    settings: &WorkerSettings,
    stop: &CancellationToken,
    (place, again): (&mut Option<Place>, bool),
) -> Result<(), WorkerError> {
    let pool = &feed.source().pool;
    if within(ANSWER, is_wanted::<P>(pool)).await? {
        return Ok(());
    }
    // Before the lease: who cannot keep the model must not keep it from those who can.
    prepare::<P>(pool, place).await?;
    let name = lease_name(P::NAME);
    let acquired = Lease::acquire(pool, &name, &settings.holder, settings.lease);
    let Some(lease) = within(ANSWER, acquired).await? else { return Ok(()) };
    metrics::gauge!("annals_projection_leading", "projection" => P::NAME).set(1.0);
    metrics::gauge!("annals_projection_refused", "projection" => P::NAME).set(0.0);
    let worked = keep(projection, feed, settings, stop, (&lease, place, again)).await;
    if let Err(error) = within(ANSWER, lease.release(pool)).await {
        tracing::debug!(projection = P::NAME, %error, "the lease was left to expire");
    }
    worked
}

/// Keeps the model up to date while the lease holds.
async fn keep<P: Projection + Clone>(
    projection: &P,
    feed: &SharedFeed,
    settings: &WorkerSettings,
    stop: &CancellationToken,
    (lease, got_to, again): (&Lease, &mut Option<Place>, bool),
) -> Result<(), WorkerError> {
    let pool = &feed.source().pool;
    // Somebody else may have moved it until the lease was taken.
    let begin = prepare::<P>(pool, got_to).await?;
    let skipped = within(ANSWER, decisions::skipped(pool, P::NAME)).await?;
    let mut model = Model::new(projection.clone(), P::NAME, begin, skipped);
    if again {
        model.blame_events();
    }
    let mut reader = feed.reader(begin);
    let mut connection = within(ANSWER, rows::connect(pool)).await?;
    let mut renewed = Instant::now();
    let mut settle_by = None;
    let mut pace = Pace::new(settings.batch, FAST);
    loop {
        if renewed.elapsed() > settings.lease / 5 {
            if within(ANSWER, is_wanted::<P>(&mut connection)).await?
                || !within(ANSWER, lease.renew(&mut connection)).await?
            {
                return Ok(());
            }
            // A model that another version has made anew, or a log that is no longer the one it was made from.
            prepare::<P>(pool, got_to).await?;
            renewed = Instant::now();
        }
        let until = settle_by.unwrap_or(renewed + settings.lease / 5);
        let events = tokio::select! {
            next = reader.next_batch(settings.batch, until) => next?,
            () = stop.cancelled() => return Ok(()),
        };
        let applied = in_time(model.apply(&mut connection, &events, lease), stop).await;
        *got_to = Some(model.place());
        applied?;
        if settle_by.is_some_and(|by| by <= Instant::now()) {
            in_time(model.settle(&mut connection, lease), stop).await?;
        }
        *got_to = Some(model.place());
        settle_by = (model.folded() != model.place()).then(|| settle_by.unwrap_or_else(|| Instant::now() + SETTLE));
        if model.rows_in_memory() > settings.cached_rows {
            model.forget();
        }
        observe::<P>(&events);
        pace.after(events.len()).await;
    }
}

/// A batch that has no end in time is given up; the connection is closed with it, as it is nobody else's.
async fn in_time(
    batch: impl Future<Output = Result<(), BatchError>>,
    stop: &CancellationToken,
) -> Result<(), BatchError> {
    let too_late = async {
        if stop.run_until_cancelled(tokio::time::sleep(BATCH)).await.is_none() {
            tokio::time::sleep(LAST_BATCH).await;
        }
    };
    tokio::select! {
        biased;
        done = batch => done,
        () = too_late => {
            let silent = format!("no answer from the database within {BATCH:?}, or until the end");
            Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, silent)).into())
        }
    }
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

/// Makes the model if it is not there, and checks that it is this log's and this version's. Where it stands is told by `place`, too, if it
/// cannot be kept.
async fn prepare<P: Projection>(pool: &PgPool, place: &mut Option<Place>) -> Result<Place, WorkerError> {
    let checkpoint = if let Some(checkpoint) = within(ANSWER, Checkpoint::find(pool, P::NAME)).await? {
        checkpoint
    } else {
        within(BATCH, schema::create(pool, P::NAME, P::SCHEMA, P::VERSION, "running")).await?;
        within(ANSWER, Checkpoint::find(pool, P::NAME))
            .await?
            .ok_or_else(|| WorkerError::Refused("the checkpoint has vanished".to_owned()))?
    };
    *place = Some(checkpoint.place());
    if checkpoint.version != P::VERSION {
        let (is, wanted) = (checkpoint.version, P::VERSION);
        return Err(WorkerError::Refused(format!(
            "the model has version {is}, this program needs {wanted}: replay-tool rebuild {}",
            P::NAME
        )));
    }
    let head = within(ANSWER, log::head(pool)).await?;
    if checkpoint.log_id != head.log_id || !within(ANSWER, checkpoint.place().is_in_the_log(pool)).await? {
        return Err(WorkerError::NotOfThisLog(format!(
            "the model was made from another log, or from a part that the log has lost: replay-tool rebuild {}",
            P::NAME
        )));
    }
    Ok(checkpoint.place())
}

fn observe<P: Projection>(events: &[Arc<Recorded>]) {
    let count = u64::try_from(events.len()).unwrap_or_default();
    metrics::counter!("annals_projection_events_total", "projection" => P::NAME).increment(count);
    if let Some(last) = events.last() {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; positions are exact in it up to 2^53")]
        metrics::gauge!("annals_projection_position", "projection" => P::NAME).set(last.position as f64);
    }
}
