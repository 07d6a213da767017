//! What the business decides, as pure functions: no I/O, no async, no clock.
//!
//! A context is a folder; an aggregate is a file with `Command`, `Event`, `decide` and `evolve`. This crate knows nobody.

pub mod access;
mod aggregate;
pub mod catalog;
pub mod inventory;
mod refusal;
pub mod roles;
pub mod sales;
pub mod values;

pub use access::ACCESS;
pub use refusal::{Kind, Refusal};
pub use rust_decimal::Decimal;

/// The upcasters of all contexts, in the order in which they are applied.
#[must_use]
pub fn upcasters() -> Vec<Box<dyn cqrs_es::persist::EventUpcaster>> {
    Vec::new()
}
