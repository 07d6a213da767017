//! The harness that starts, kills and cuts real processes, for tests of the whole system.

pub mod calls;
pub mod keys;
pub mod load;
pub mod nats;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod system;
