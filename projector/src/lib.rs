//! Read models: pure folds of the log, kept by leased workers.

pub mod catalog;
pub mod inventory;
pub mod projection;
pub mod revenue;
pub mod rows;
pub mod sales;

pub use projection::{ApplyError, Projection};
