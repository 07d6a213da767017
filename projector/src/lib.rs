//! Read models: pure folds of the log, kept by leased workers.

pub mod batch;
pub mod catalog;
pub mod checkpoint;
pub mod config;
pub mod decisions;
pub mod inventory;
mod kept;
pub mod poison;
pub mod projection;
pub mod rebuild;
pub mod registry;
pub mod reporting;
pub mod rows;
pub mod sales;
pub mod schema;
pub mod service;
mod stops;
mod watch;
mod worker;

pub use checkpoint::Checkpoint;
pub use config::Config;
pub use projection::{ApplyError, Projection};
pub use registry::{AnyProjection, PROJECTIONS, find};
pub use worker::WorkerSettings;
