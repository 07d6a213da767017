//! The log: append, load, relay, feed, upcast.
//!
//! The log is one table with dense positions, and one way in: batches of commits through the SQL function `append`. Everything that
//! reads it follows positions.

mod append;
mod appender;
mod error;
mod fence;
mod load;
mod metadata;
mod part;
mod recorded;
mod request;
mod settings;
mod store;
mod stream;
mod upcasters;

pub use error::{Error, LogError};
pub use metadata::Metadata;
pub use recorded::{DecodeError, Recorded};
pub use request::{Idempotency, Receipt, Request};
pub use settings::Settings;
pub use store::EventStore;
pub use stream::{Draft, Target};
pub use upcasters::Upcasters;

/// The log's SQL.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");
