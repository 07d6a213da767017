//! What a read model is: rows, and a pure fold of the log into them.

use event_store::{DecodeError, Recorded};
use thiserror::Error;

use crate::rows::Rows;

/// A read model: one Postgres schema, and how events change its rows.
///
/// `keys` and `apply` see nothing but the event and the rows: no database, no clock. That is why a rebuild makes the same rows as
/// the live worker did, whatever the batches.
pub trait Projection: Send + Sync + 'static {
    /// The name of the projection, and of its schema.
    const NAME: &'static str;
    /// Raised with every change of the schema or the fold; a model of another version is rebuilt, never changed.
    const VERSION: i32;
    /// `create table …` without schema names.
    const SCHEMA: &'static str;
    /// What it makes of an event.
    type Event: Send + Sync;
    /// Its tables.
    type Rows: Rows;

    /// The typed event; `None` for one that this projection takes no interest in.
    ///
    /// # Errors
    /// When the event is not what its type says.
    fn decode(&self, event: &Recorded) -> Result<Option<Self::Event>, DecodeError>;

    /// Names every row that `apply` will touch. Called again after rows were loaded, so it may look at what is there (`peek`).
    fn keys(&self, recorded: &Recorded, event: &Self::Event, rows: &mut Self::Rows);

    /// Changes the rows.
    ///
    /// # Errors
    /// When the event cannot be applied. The projection stops there.
    fn apply(&self, recorded: &Recorded, event: &Self::Event, rows: &mut Self::Rows) -> Result<(), ApplyError>;
}

/// Why an event cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ApplyError(String);

impl ApplyError {
    /// An error with a sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}
