//! What is on the shelves, and what of it is promised.

pub mod access;
mod error;
pub mod holds;
mod key;
pub mod stock_item;

pub use error::Error;
pub use key::Key;
pub use stock_item::StockItem;
