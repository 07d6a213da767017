//! Builds a model anew beside the live one, at full speed, and puts it in its place.

use std::time::Duration;

use event_store::deadline::within;
use event_store::log::Place;
use event_store::{FeedSource, Lease, Recorded, log};
use futures::StreamExt as _;
use sqlx::{PgConnection, PgPool};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Projection;
use crate::batch::{BatchError, Model};
use crate::checkpoint::Checkpoint;
use crate::kept::Kept;
use crate::worker::{handover_name, lease_name};
use crate::{decisions, rows, schema};

/// How long a statement that reads or writes a row or two is waited for.
const ANSWER: Duration = Duration::from_secs(10);
/// Events tried together when something among those of a step cannot be stored, until it is known which.
const EVENTS_TRIED: usize = 1000;

/// Events folded at a time: the rows that they touch are loaded together.
const EVENTS_PER_BATCH: usize = 4096;

/// How a rebuild works.
#[derive(Debug, Clone)]
pub struct RebuildSettings {
    /// Tells this process from others.
    pub holder: String,
    /// How long this process may be silent before its leases are taken over.
    pub lease: Duration,
    /// Events folded in memory before the rows are written; from there a rebuild that was killed goes on.
    pub events_per_step: i64,
    /// Rows kept in memory at most; when there are more, they are written and loaded again as they are needed.
    pub rows_in_memory: usize,
    /// Breaks the rebuild off where it is; the next one goes on from there, at once.
    pub stop: CancellationToken,
}

impl Default for RebuildSettings {
    fn default() -> Self {
        Self {
            holder: "replay-tool".to_owned(),
            lease: Duration::from_secs(10),
            events_per_step: 5_000_000,
            rows_in_memory: 2_000_000,
            stop: CancellationToken::new(),
        }
    }
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Events folded.
    pub position: i64,
    /// Where the log ends, as known so far.
    pub head: i64,
}

/// Why a rebuild did not come to its end. What it did so far is kept, and the next one goes on from there.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// Another rebuild of the same projection is under way, or its worker does not stand aside.
    #[error("{0} is busy: another rebuild is under way, or its worker does not stand aside")]
    Busy(String),
    /// It was told to stop.
    #[error("interrupted; the next rebuild goes on from here")]
    Interrupted,
    /// The database went away.
    #[error("the database could not be used")]
    Database(#[from] sqlx::Error),
    /// The log could not be read.
    #[error("the log could not be read")]
    Scan(#[from] log::ScanError),
    /// An event cannot be applied, or somebody else wrote the model.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// An event could not be brought up to date.
    #[error("an event could not be brought up to date")]
    Upcast(#[from] serde_json::Error),
}

struct Rebuild<'a, P: Projection> {
    source: &'a FeedSource,
    settings: &'a RebuildSettings,
    next: &'a str,
    lease: &'a Lease,
    model: Model<P>,
    report: &'a (dyn Fn(Progress) + Send + Sync),
}

/// Rebuilds a projection: builds `<name>__next`, catches up, takes the live worker's place for a moment, swaps, drops what was there.
pub(crate) async fn run<P: Projection + Clone>(
    projection: P,
    source: &FeedSource,
    settings: &RebuildSettings,
    report: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Progress, RebuildError> {
    let next = format!("{}__next", P::NAME);
    let kept = take::<P>(&source.pool, &lease_name(&next), settings).await?;
    // However it ends, the next one need not wait.
    let built = tokio::select! {
        built = build(projection, source, settings, (&next, kept.lease()), report) => built,
        () = settings.stop.cancelled() => Err(RebuildError::Interrupted),
    };
    kept.release().await;
    built
}

async fn build<P: Projection + Clone>(
    projection: P,
    source: &FeedSource,
    settings: &RebuildSettings,
    (next, lease): (&str, &Lease),
    report: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Progress, RebuildError> {
    let pool = &source.pool;
    let place = begin::<P>(pool, next).await?;
    let mut model = Model::new(projection, next, place, decisions::skipped(pool, P::NAME).await?);
    model.blame_events();
    if place == Place::START {
        model.assume_empty();
    }
    let mut rebuild = Rebuild { source, settings, next, lease, model, report };
    rebuild.catch_up().await?;
    let handover = take::<P>(pool, &handover_name(P::NAME), settings).await?;
    let swapped = tokio::select! {
        swapped = rebuild.swap() => swapped,
        () = settings.stop.cancelled() => Err(RebuildError::Interrupted),
    };
    handover.release().await;
    swapped
}

async fn take<P: Projection>(pool: &PgPool, name: &str, settings: &RebuildSettings) -> Result<Kept, RebuildError> {
    let waits = || tracing::warn!(projection = P::NAME, "waiting for one that was killed, until what it held expires");
    let kept = Kept::take(pool, name, &settings.holder, settings.lease, waits).await?;
    kept.ok_or_else(|| RebuildError::Busy(P::NAME.to_owned()))
}

/// Makes the schema beside the live one, or finds that of a rebuild that was broken off; tells where it stands.
async fn begin<P: Projection>(pool: &PgPool, next: &str) -> Result<Place, RebuildError> {
    let head = log::head(pool).await?;
    if let Some(checkpoint) = Checkpoint::find(pool, next).await?
        && checkpoint.version == P::VERSION
        && checkpoint.log_id == head.log_id
        && checkpoint.place().is_in_the_log(pool).await?
    {
        return Ok(checkpoint.place());
    }
    schema::drop(pool, next).await?;
    schema::create(pool, next, P::SCHEMA, P::VERSION, "rebuilding").await?;
    Ok(Place::START)
}

impl<P: Projection + Clone> Rebuild<'_, P> {
    /// In large steps up to where the log ends, while it grows. Rows stay in memory as long as there is room: then none is ever loaded.
    async fn catch_up(&mut self) -> Result<(), RebuildError> {
        let mut connection = rows::connect(&self.source.pool).await?;
        loop {
            let head = within(ANSWER, log::head(&self.source.pool)).await?.position;
            let from = self.model.place().position;
            if head == from {
                return Ok(());
            }
            // A scan of the whole log would keep Postgres from clearing away what the steps replace.
            let mut batches = self.scan(from, head.min(from + self.settings.events_per_step));
            while let Some(batch) = batches.recv().await {
                self.model.fold(&mut connection, &batch?).await?;
                (self.report)(Progress { position: self.model.folded().position, head });
                if self.model.rows_in_memory() > self.settings.rows_in_memory {
                    self.write(&mut connection).await?;
                    self.model.forget();
                }
            }
            self.write(&mut connection).await?;
        }
    }

    async fn write(&mut self, connection: &mut PgConnection) -> Result<(), RebuildError> {
        let upto = self.model.folded().position;
        let written = if self.model.place() == Place::START {
            self.model.copy_out(connection, self.lease).await.map(|_| ())
        } else {
            self.model.settle(connection, self.lease).await
        };
        match written {
            Err(BatchError::Database(error)) if self.model.is_of_an_event(&error) => {
                self.write_one_by_one(connection, upto).await
            }
            written => Ok(written?),
        }
    }

    /// Something in the step cannot be stored. Step by small step it is found which event leads to it; those before it are written.
    async fn write_one_by_one(&mut self, connection: &mut PgConnection, upto: i64) -> Result<(), RebuildError> {
        self.model.back_to_the_checkpoint();
        let mut batches = self.scan(self.model.place().position, upto);
        while let Some(batch) = batches.recv().await {
            for events in batch?.chunks(EVENTS_TRIED) {
                self.model.apply(connection, events, self.lease).await?;
            }
        }
        Ok(self.model.settle(connection, self.lease).await?)
    }

    /// Reads ahead while what was read is being folded.
    fn scan(&self, after: i64, upto: i64) -> mpsc::Receiver<Result<Vec<Recorded>, RebuildError>> {
        let (sender, receiver) = mpsc::channel(2);
        let (pool, upcasters) = (self.source.pool.clone(), self.source.upcasters.clone());
        tokio::spawn(async move {
            let mut batches = std::pin::pin!(log::scan(pool, after, upto));
            let mut gathered = Vec::new();
            while let Some(batch) = batches.next().await {
                let read = batch.map_err(RebuildError::from).and_then(|batch| {
                    for event in batch {
                        gathered.push(upcasters.apply(event)?);
                    }
                    Ok(())
                });
                let full = match read {
                    Ok(()) if gathered.len() < EVENTS_PER_BATCH => continue,
                    Ok(()) => Ok(std::mem::take(&mut gathered)),
                    Err(error) => Err(error),
                };
                if sender.send(full).await.is_err() {
                    return;
                }
            }
            let _ = sender.send(Ok(gathered)).await;
        });
        receiver
    }

    /// Takes the live worker's place, applies what came in meanwhile, and swaps.
    async fn swap(&mut self) -> Result<Progress, RebuildError> {
        let pool = &self.source.pool.clone();
        let (name, began) = (lease_name(P::NAME), Instant::now());
        let live = loop {
            let taken = Lease::acquire(pool, &name, &self.settings.holder, self.settings.lease);
            if let Some(live) = within(ANSWER, taken).await? {
                break live;
            }
            self.catch_up().await?;
            if began.elapsed() > self.settings.lease * 6 {
                return Err(RebuildError::Busy(P::NAME.to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let swapped = self.put_in_place(pool).await;
        within(ANSWER, live.release(pool)).await?;
        // Readers may still be in what was live, for as long as they like; it is in nobody's way.
        schema::drop_leftovers(pool, P::NAME).await;
        swapped
    }

    async fn put_in_place(&mut self, pool: &PgPool) -> Result<Progress, RebuildError> {
        self.catch_up().await?;
        let position = self.model.place().position;
        schema::swap(&mut *pool.acquire().await?, P::NAME, self.next, position).await?;
        Ok(Progress { position, head: position })
    }
}
