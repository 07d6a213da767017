//! Read models: pure folds of the log, kept by leased workers.

pub mod projection;
pub mod rows;

pub use projection::{ApplyError, Projection};
