//! The values that fields hold, one type for each kind. What is of such a type can be stored, indexed, sent and read back by everybody who
//! follows the log: whoever lets in what a client sends takes it as one of these.

mod define;
pub mod money;
pub mod number;
pub mod text;
pub mod time;
pub mod zone;

pub use money::{Currency, Price, SignedPrice};
pub use number::{Change, Level, Quantity};
pub use text::{Document, Key, Name, Note};
pub use time::Timestamp;
pub use zone::TimeZone;
