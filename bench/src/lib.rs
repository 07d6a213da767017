//! Measurements, with peers beside them.
