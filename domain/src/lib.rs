//! What the business decides, as pure functions: no I/O, no async, no clock.
