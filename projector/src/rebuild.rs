//! Builds a model anew beside the live one, at full speed, and puts it in its place.

use std::time::Duration;

use event_store::{FeedSource, Lease, Recorded, log};
use futures::StreamExt as _;
use sqlx::{PgConnection, PgPool};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Projection;
use crate::batch::{BatchError, Model};
use crate::checkpoint::Checkpoint;
use crate::worker::{handover_name, lease_name};
use crate::{rows, schema};

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
}

impl Default for RebuildSettings {
    fn default() -> Self {
        Self {
            holder: "replay-tool".to_owned(),
            lease: Duration::from_secs(10),
            events_per_step: 5_000_000,
            rows_in_memory: 2_000_000,
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
    next: String,
    lease: Lease,
    renewed: Instant,
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
    let busy = || RebuildError::Busy(P::NAME.to_owned());
    let pool = &source.pool;
    let lease = Lease::acquire(pool, &lease_name(&next), &settings.holder, settings.lease).await?.ok_or_else(busy)?;
    let position = begin::<P>(pool, &next).await?;
    let mut model = Model::new(projection, &next, position);
    if position == 0 {
        model.assume_empty();
    }
    let mut rebuild = Rebuild { source, settings, next, lease, renewed: Instant::now(), model, report };
    rebuild.catch_up().await?;
    let handover =
        Lease::acquire(pool, &handover_name(P::NAME), &settings.holder, settings.lease).await?.ok_or_else(busy)?;
    let swapped = rebuild.swap(&handover).await;
    handover.release(pool).await?;
    let progress = swapped?;
    rebuild.lease.release(pool).await?;
    Ok(progress)
}

/// Makes the schema beside the live one, or finds that of a rebuild that was broken off; tells where it stands.
async fn begin<P: Projection>(pool: &PgPool, next: &str) -> Result<i64, RebuildError> {
    let head = log::head(pool).await?;
    if let Some(checkpoint) = Checkpoint::find(pool, next).await?
        && checkpoint.version == P::VERSION
        && checkpoint.log_id == head.log_id
        && checkpoint.position <= head.position
    {
        return Ok(checkpoint.position);
    }
    schema::drop(pool, next).await?;
    schema::create(pool, next, P::SCHEMA, P::VERSION, "rebuilding").await?;
    Ok(0)
}

impl<P: Projection + Clone> Rebuild<'_, P> {
    async fn keep_leases(&mut self) -> Result<(), RebuildError> {
        if self.renewed.elapsed() > self.settings.lease / 5 {
            if !self.lease.renew(&self.source.pool).await? {
                return Err(BatchError::Fenced.into());
            }
            self.renewed = Instant::now();
        }
        Ok(())
    }

    /// In large steps up to where the log ends, while it grows. Rows stay in memory as long as there is room: then none is ever loaded.
    async fn catch_up(&mut self) -> Result<(), RebuildError> {
        let mut connection = rows::connect(&self.source.pool).await?;
        loop {
            let head = log::head(&self.source.pool).await?.position;
            let from = self.model.position();
            if head == from {
                return Ok(());
            }
            // A scan of the whole log would keep Postgres from clearing away what the steps replace.
            let mut batches = self.scan(from, head.min(from + self.settings.events_per_step));
            while let Some(batch) = batches.recv().await {
                self.model.fold(&mut connection, &batch?).await?;
                (self.report)(Progress { position: self.model.folded(), head });
                self.keep_leases().await?;
                if self.model.rows_in_memory() > self.settings.rows_in_memory {
                    self.write(&mut connection).await?;
                    self.model.forget();
                }
            }
            self.write(&mut connection).await?;
        }
    }

    async fn write(&mut self, connection: &mut PgConnection) -> Result<(), RebuildError> {
        self.lease.renew(&mut *connection).await?;
        if self.model.position() == 0 {
            self.model.copy_out(connection, &self.lease).await?;
        } else {
            self.model.settle(connection, &self.lease).await?;
        }
        Ok(())
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
    async fn swap(&mut self, handover: &Lease) -> Result<Progress, RebuildError> {
        let pool = &self.source.pool.clone();
        let began = Instant::now();
        let live = loop {
            if let Some(live) =
                Lease::acquire(pool, &lease_name(P::NAME), &self.settings.holder, self.settings.lease).await?
            {
                break live;
            }
            handover.renew(pool).await?;
            self.catch_up().await?;
            if began.elapsed() > self.settings.lease * 6 {
                return Err(RebuildError::Busy(P::NAME.to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        self.catch_up().await?;
        let old = format!("{}__old", P::NAME);
        schema::drop(pool, &old).await?;
        schema::swap(&mut *pool.acquire().await?, P::NAME, &self.next, &old).await?;
        live.release(pool).await?;
        if let Err(error) = schema::drop(pool, &old).await {
            tracing::warn!(schema = old, %error, "the old model could not be dropped yet; the next rebuild will");
        }
        let position = self.model.position();
        Ok(Progress { position, head: position })
    }
}
