//! The log: append, load, relay, feed, upcast.
//!
//! The log is one table with dense positions, and one way in: batches of commits through the SQL function `append`. Everything that
//! reads it follows positions.

mod append;
mod appender;
mod checked_stream;
mod commit;
pub mod deadline;
mod error;
mod execute;
mod feed;
mod fence;
mod hold;
mod keys;
mod lease;
mod load;
pub mod log;
mod measures;
mod memory;
pub mod message;
mod metadata;
mod pace;
mod part;
mod probe;
mod publish;
mod queue;
mod recorded;
mod relay;
mod relay_error;
mod repository;
mod request;
mod settings;
mod shared;
mod snapshot;
mod store;
mod stream;
mod turn;
mod upcasters;
mod waiting;
mod way;

pub use error::{BoxError, Error, LogError};
pub use feed::{Feed, FeedError, FeedSource};
pub use keys::purge_idempotency_keys;
pub use lease::Lease;
pub use measures::describe_metrics;
pub use metadata::Metadata;
pub use pace::Pace;
pub use recorded::{DecodeError, Recorded};
pub use relay::{Relay, RelaySettings, RelayStatus, remake_stream};
pub use repository::Repository;
pub use request::{Expected, Idempotency, Receipt, Request};
pub use settings::Settings;
pub use shared::{Reader, SharedFeed};
pub use store::EventStore;
pub use stream::{Draft, Target};
pub use upcasters::Upcasters;

/// The log's SQL.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");
