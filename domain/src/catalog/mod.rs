//! What is sold, and where.

pub mod access;
mod error;
pub mod product;
pub mod store;

pub use error::Error;
pub use product::Product;
pub use store::Store;
