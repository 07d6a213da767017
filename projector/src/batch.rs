//! Batches of events, folded into rows and committed with the checkpoint. The same for the live worker and for a rebuild.

use std::borrow::Borrow;

use event_store::{DecodeError, Lease, Recorded};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use thiserror::Error;

use crate::Projection;
use crate::rows::{AnyTable, Rows, Writes};

/// Why a batch was not committed.
#[derive(Debug, Error)]
pub enum BatchError {
    /// The database could not be used. Nothing was committed, or it is not known; what is in memory must be forgotten.
    #[error("the database could not be used")]
    Database(#[from] sqlx::Error),
    /// Somebody else writes this model.
    #[error("the lease or the checkpoint was taken over")]
    Fenced,
    /// An event cannot be applied.
    #[error("the event at {position} cannot be applied: {reason}")]
    Poison {
        /// Where in the log.
        position: i64,
        /// Why not.
        reason: String,
    },
}

/// A model being written: the projection's fold and its rows in memory.
pub struct Model<P: Projection> {
    projection: P,
    rows: P::Rows,
    checkpoint: String,
    /// The last event that is committed.
    position: i64,
    /// The last event that has been folded; those after `position` changed no row.
    folded: i64,
}

impl<P: Projection> Model<P> {
    /// The model in a schema, whose checkpoint has that name and stands at that position.
    pub fn new(projection: P, schema: &str, position: i64) -> Self {
        Self { projection, rows: P::Rows::in_schema(schema), checkpoint: schema.to_owned(), position, folded: position }
    }

    /// The last event that is committed.
    pub fn position(&self) -> i64 {
        self.position
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

    /// The last event that has been folded. Where that is after [`Self::position`], [`Self::settle`] commits it.
    pub fn folded(&self) -> i64 {
        self.folded
    }

    /// Folds a batch that follows what was folded before, and commits it, together with the checkpoint's move; if no row changed, it may
    /// as well be committed later. Where an event cannot be applied, those before it are committed.
    ///
    /// # Errors
    /// See [`BatchError`]. After any but [`BatchError::Poison`] the model must be made anew from its checkpoint.
    pub async fn apply(
        &mut self,
        connection: &mut PgConnection,
        events: &[impl Borrow<Recorded>],
        lease: &Lease,
    ) -> Result<(), BatchError> {
        let Some(last) = events.last().map(|event| event.borrow().position) else { return Ok(()) };
        // Rows are read before the transaction begins: nobody else writes them, or the checkpoint's move will tell.
        let poison = match self.try_fold(connection, events).await? {
            Ok(()) => None,
            Err(poison) => {
                // The failed event may have changed some rows already: begin again, without it.
                self.forget();
                let good = events.iter().position(|event| event.borrow().position == poison.0).unwrap_or_default();
                if let Err(again) = self.try_fold(connection, &events[..good]).await? {
                    return Err(BatchError::Poison { position: again.0, reason: again.1 });
                }
                Some(poison)
            }
        };
        let to = poison.as_ref().map_or(last, |(position, _)| position - 1);
        self.folded = to;
        if poison.is_some() || !self.is_unchanged() {
            self.settle(connection, lease).await?;
        }
        match poison {
            None => Ok(()),
            Some((position, reason)) => Err(BatchError::Poison { position, reason }),
        }
    }

    /// Commits what was folded.
    ///
    /// # Errors
    /// See [`BatchError`].
    pub async fn settle(&mut self, connection: &mut PgConnection, lease: &Lease) -> Result<(), BatchError> {
        if self.folded == self.position {
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
        if let Err((position, reason)) = self.try_fold(connection, events).await? {
            return Err(BatchError::Poison { position, reason });
        }
        self.folded = events.last().map_or(self.folded, |last| last.position);
        Ok(())
    }

    fn is_unchanged(&mut self) -> bool {
        self.rows.tables().iter().all(|table| table.is_unchanged())
    }

    /// The checkpoint's move to what has been folded.
    fn moving(&self, lease: &Lease) -> Writes {
        Writes::moving(&self.checkpoint, self.position, self.folded, lease)
    }

    async fn execute(&mut self, connection: &mut PgConnection, writes: Writes) -> Result<(), BatchError> {
        let rows = u64::try_from(writes.rows()).unwrap_or(u64::MAX);
        if !writes.execute(connection).await? {
            return Err(BatchError::Fenced);
        }
        metrics::counter!("annals_projection_rows_written_total", "projection" => P::NAME).increment(rows);
        self.position = self.folded;
        self.rows.tables().into_iter().for_each(AnyTable::written);
        Ok(())
    }

    /// Loads what the events will touch, and applies them. The inner error is the event that cannot be applied.
    async fn try_fold(
        &mut self,
        connection: &mut PgConnection,
        events: &[impl Borrow<Recorded>],
    ) -> Result<Result<(), (i64, String)>, sqlx::Error> {
        let mut typed = Vec::with_capacity(events.len());
        for event in events.iter().map(Borrow::borrow) {
            match self.projection.decode(event) {
                Ok(Some(read)) => typed.push((event, read)),
                Ok(None) => {}
                Err(error) => return Ok(Err((event.position, chain(&error)))),
            }
        }
        self.fold_typed(connection, &typed).await
    }

    async fn fold_typed(
        &mut self,
        connection: &mut PgConnection,
        typed: &[(&Recorded, P::Event)],
    ) -> Result<Result<(), (i64, String)>, sqlx::Error> {
        // What was loaded may tell of further rows: ask until nothing new is wanted.
        loop {
            for (recorded, event) in typed {
                self.projection.keys(recorded, event, &mut self.rows);
            }
            let mut loaded = 0;
            for table in self.rows.tables() {
                loaded += table.load(&mut *connection).await?;
            }
            if loaded == 0 {
                break;
            }
        }
        for (recorded, event) in typed {
            if let Err(error) = self.projection.apply(recorded, event, &mut self.rows) {
                return Ok(Err((recorded.position, error.to_string())));
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

fn chain(error: &DecodeError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
