//! What every binary shares: configuration, telemetry, identity, problem+json.

pub mod access;
pub mod clock;
pub mod config;
mod connections;
pub mod database;
pub mod description;
pub mod extract;
pub mod identity;
mod objects;
mod observe;
pub mod page;
mod patience;
pub mod problem;
pub mod server;
pub mod service;
pub mod telemetry;
pub mod trace;

pub use problem::Problem;
