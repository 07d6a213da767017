//! Batches of events, folded into rows and committed with the checkpoint. The same for the live worker and for a rebuild.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use event_store::log::Place;
use event_store::{Lease, Recorded};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use thiserror::Error;

use crate::Projection;
use crate::poison::{Poison, guarded, is_about_the_content, passes};
use crate::rows::{AnyTable, Rows, Writes};

/// Why a batch was not committed.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The database could not be used. Nothing was committed, or it is not known; what is in memory must be forgotten.
    #[error("the database could not be used")]
    Database(#[from] sqlx::Error),
    /// Somebody else writes this model, or the log does not hold what was folded.
    #[error("the lease or the checkpoint was taken over, or the log does not hold these events")]
    Fenced,
    /// An event cannot be applied.
    #[error("the event at {} cannot be applied: {}", .0.position, .0.reason)]
    Poison(Poison),
}

/// A model being written: the projection's fold and its rows in memory.
pub struct Model<P: Projection> {
    projection: P,
    rows: P::Rows,
    checkpoint: String,
    /// The last event that is committed.
    place: Place,
    /// The last event that has been folded; those after `place` changed no row.
    folded: Place,
    /// Events that are left out.
    skipped: BTreeSet<i64>,
    /// Whatever does not pass by itself is an event's fault.
    blames_events: bool,
}

impl<P: Projection> Model<P> {
    /// The model in a schema, whose checkpoint has that name and stands at that place, without the events that are left out.
    pub fn new(projection: P, schema: &str, place: Place, skipped: BTreeSet<i64>) -> Self {
        let rows = P::Rows::in_schema(schema);
        Self { projection, rows, checkpoint: schema.to_owned(), place, folded: place, skipped, blames_events: false }
    }

    /// From here on an event is looked for that leads to it, whatever error the database gives, unless it is one that passes by itself.
    pub(crate) fn blame_events(&mut self) {
        self.blames_events = true;
    }

    /// Whether an event must be found that leads to this error.
    pub(crate) fn is_of_an_event(&self, error: &sqlx::Error) -> bool {
        is_about_the_content(error) || (self.blames_events && !passes(error))
    }

    /// The last event that is committed.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Rows in memory.
    pub fn rows_in_memory(&mut self) -> usize {
        self.rows.tables().iter().map(|table| table.len()).sum()
    }

    /// Everything in memory is dropped; it is loaded again when it is needed.
    pub fn forget(&mut self) {
        self.rows.tables().into_iter().for_each(AnyTable::forget);
    }

    /// The tables are empty, and nobody else fills them.
    pub(crate) fn assume_empty(&mut self) {
        self.rows.tables().into_iter().for_each(AnyTable::assume_empty);
    }

    /// The last event that has been folded. Where that is after [`Self::place`], [`Self::settle`] commits it.
    pub fn folded(&self) -> Place {
        self.folded
    }

    /// What was folded and is not committed is dropped, with everything in memory.
    pub(crate) fn back_to_the_checkpoint(&mut self) {
        self.forget();
        self.folded = self.place;
    }

    /// Folds a batch that follows what was folded before, and commits it, together with the checkpoint's move; if no row changed, it may
    /// as well be committed later. Where an event cannot be applied, or the database refuses what it leads to, those before it are committed.
    ///
    /// # Errors
    /// See [`BatchError`]. After any but [`BatchError::Poison`] the model must be made anew from its checkpoint.
    pub async fn apply<E: Borrow<Recorded> + Sync>(
        &mut self,
        connection: &mut PgConnection,
        events: &[E],
        lease: &Lease,
    ) -> Result<(), BatchError> {
        let before = self.folded;
        match self.try_apply(connection, events, lease).await {
            Err(BatchError::Database(error)) if self.is_of_an_event(&error) => {
                // What was folded before this batch changed no row, or it would have been committed.
                self.forget();
                self.folded = before;
                if let [event] = events {
                    return Err(BatchError::Poison(Poison::unstorable(event.borrow(), &error)));
                }
                let (first, second) = events.split_at(events.len() / 2);
                for half in [first, second] {
                    Box::pin(self.apply(connection, half, lease)).await?;
                    self.settle(connection, lease).await?;
                }
                Ok(())
            }
            applied => applied,
        }
    }

    async fn try_apply<E: Borrow<Recorded> + Sync>(
        &mut self,
        connection: &mut PgConnection,
        events: &[E],
        lease: &Lease,
    ) -> Result<(), BatchError> {
        let (mut good, mut poison) = (events, None);
        // Rows are read before the transaction begins: nobody else writes them, or the checkpoint's move will tell.
        while let Err(found) = self.try_fold(connection, good).await? {
            // It may have changed some rows already: begin again, without it.
            self.forget();
            good = good.split(|event| event.borrow().position == found.position).next().unwrap_or_default();
            poison = Some(found);
        }
        self.folded = good.last().map_or(self.folded, |last| last.borrow().into());
        if poison.is_some() || !self.is_unchanged() {
            self.settle(connection, lease).await?;
        }
        poison.map_or(Ok(()), |poison| Err(BatchError::Poison(poison)))
    }

    /// Commits what was folded.
    ///
    /// # Errors
    /// See [`BatchError`].
    pub async fn settle(&mut self, connection: &mut PgConnection, lease: &Lease) -> Result<(), BatchError> {
        if self.folded == self.place {
            return Ok(());
        }
        let mut writes = self.moving(lease);
        for table in self.rows.tables() {
            table.write(&mut writes);
        }
        self.execute(connection, writes).await
    }

    /// Folds a batch that follows what was folded before; [`Self::settle`] commits it.
    ///
    /// # Errors
    /// See [`BatchError`]. After any the model must be made anew from its checkpoint.
    pub(crate) async fn fold(&mut self, connection: &mut PgConnection, events: &[Recorded]) -> Result<(), BatchError> {
        self.try_fold(connection, events).await?.map_err(BatchError::Poison)?;
        self.folded = events.last().map_or(self.folded, Place::from);
        Ok(())
    }

    fn is_unchanged(&mut self) -> bool {
        self.rows.tables().iter().all(|table| table.is_unchanged())
    }

    /// The checkpoint's move to what has been folded.
    fn moving(&self, lease: &Lease) -> Writes {
        Writes::moving(&self.checkpoint, self.place, self.folded, lease)
    }

    async fn execute(&mut self, connection: &mut PgConnection, writes: Writes) -> Result<(), BatchError> {
        let rows = u64::try_from(writes.rows()).unwrap_or(u64::MAX);
        if !writes.execute(connection).await? {
            return Err(BatchError::Fenced);
        }
        metrics::counter!("annals_projection_rows_written_total", "projection" => P::NAME).increment(rows);
        self.place = self.folded;
        self.rows.tables().into_iter().for_each(AnyTable::written);
        Ok(())
    }

    /// Loads what the events will touch, and applies them. The inner error is the event that cannot be applied.
    async fn try_fold(
        &mut self,
        connection: &mut PgConnection,
        events: &[impl Borrow<Recorded>],
    ) -> Result<Result<(), Poison>, sqlx::Error> {
        let Self { projection, skipped, .. } = &*self;
        let wanted = events.iter().map(Borrow::borrow).filter(|event| !skipped.contains(&event.position));
        let decoded = wanted.filter_map(|event| {
            let decode = || projection.decode(event).map_err(|error| Poison::undecodable(event, &error));
            guarded(event, decode).map(|typed| typed.map(|typed| (event, typed))).transpose()
        });
        match decoded.collect::<Result<Vec<_>, Poison>>() {
            Ok(typed) => self.fold_typed(connection, &typed).await,
            Err(poison) => Ok(Err(poison)),
        }
    }

    async fn fold_typed(
        &mut self,
        connection: &mut PgConnection,
        typed: &[(&Recorded, P::Event)],
    ) -> Result<Result<(), Poison>, sqlx::Error> {
        let Self { projection, rows, .. } = self;
        // What was loaded may tell of further rows: ask until nothing new is wanted.
        loop {
            for (recorded, event) in typed {
                let keys = || {
                    projection.keys(recorded, event, rows);
                    Ok(())
                };
                if let Err(poison) = guarded(recorded, keys) {
                    return Ok(Err(poison));
                }
            }
            let mut loaded = 0;
            for table in rows.tables() {
                loaded += table.load(&mut *connection).await?;
            }
            if loaded == 0 {
                break;
            }
        }
        for (recorded, event) in typed {
            let apply = || projection.apply(recorded, event, rows).map_err(|e| Poison::new(recorded, e.to_string()));
            if let Err(poison) = guarded(recorded, apply) {
                return Ok(Err(poison));
            }
        }
        Ok(Ok(()))
    }

    /// Copies the whole model into its empty tables and moves the checkpoint, in one transaction.
    pub(crate) async fn copy_out(&mut self, connection: &mut PgConnection, lease: &Lease) -> Result<u64, BatchError> {
        let mut transaction = connection.begin().await?;
        let mut copied = 0;
        for table in self.rows.tables() {
            copied += table.copy(&mut transaction).await?;
        }
        let writes = self.moving(lease);
        self.execute(&mut transaction, writes).await?;
        transaction.commit().await?;
        Ok(copied)
    }
}
