//! What every binary shares: configuration, telemetry, identity, problem+json.

pub mod access;
pub mod clock;
pub mod config;
pub mod database;
pub mod extract;
pub mod identity;
mod objects;
pub mod page;
pub mod problem;
pub mod server;
pub mod telemetry;
pub mod trace;

pub use problem::Problem;
