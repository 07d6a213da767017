//! Telling what an event is to blame for from what comes of the state of the database.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use event_store::{DecodeError, Recorded};

/// An event that cannot be applied, and why, in words that hold nothing of what it says: they are read by people who may not read events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// Where in the log.
    pub position: i64,
    /// `context.past_tense`.
    pub event_type: String,
    /// Why it cannot be applied.
    pub reason: String,
}

impl Poison {
    pub(crate) fn new(event: &Recorded, reason: impl Into<String>) -> Self {
        Self { position: event.position, event_type: event.event_type.clone(), reason: reason.into() }
    }

    pub(crate) fn undecodable(event: &Recorded, error: &DecodeError) -> Self {
        let where_in_it =
            std::error::Error::source(error).and_then(|source| source.downcast_ref::<serde_json::Error>());
        let place = where_in_it.map_or_else(String::new, |error| format!(" (column {})", error.column()));
        Self::new(event, format!("its payload is not what its type says{place}"))
    }

    pub(crate) fn unstorable(event: &Recorded, error: &sqlx::Error) -> Self {
        Self::new(event, format!("the database refuses what it leads to: {}", in_words(error)))
    }
}

/// Does a part of a fold; a panic is the event's fault.
pub(crate) fn guarded<T>(event: &Recorded, fold: impl FnOnce() -> Result<T, Poison>) -> Result<T, Poison> {
    catch_unwind(AssertUnwindSafe(fold)).unwrap_or_else(|_: Box<dyn Any + Send>| {
        Err(Poison::new(event, "its fold panicked; the log of the process tells where"))
    })
}

/// Whether the database refuses what was asked because of what is in it: data (22), constraints (23), limits (54). It would each time.
#[must_use]
pub fn is_about_the_content(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code {
        Some(code) => ["22", "23", "54"].iter().any(|class| code.starts_with(class)),
        None => matches!(error, sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }),
    }
}

/// The state of the server or of the connection, not of what was asked.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
        Some(code) => {
            code == "25006" || ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
        }
        None => !is_about_the_content(error),
    }
}

/// What a database error says, without the values that its text may name.
#[must_use]
pub fn in_words(error: &sqlx::Error) -> String {
    let Some(error) = error.as_database_error() else { return "a value could not be encoded".to_owned() };
    let code = error.code().unwrap_or_default();
    let of = |what: &str, name: Option<&str>| name.map_or_else(String::new, |name| format!(", {what} {name}"));
    format!("SQLSTATE {code}{}{}", of("table", error.table()), of("constraint", error.constraint()))
}
