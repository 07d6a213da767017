//! What was sold and what came back.

pub mod access;
pub mod bad_debt;
mod bought;
mod error;
mod line;
pub mod purchases;
mod receipt;
pub mod returns;
pub mod sale;

pub use bad_debt::BadDebt;
pub use error::Error;
pub use line::{Line, MAX_LINES, Units};
pub use purchases::Purchases;
pub use returns::Return;
pub use sale::Sale;
