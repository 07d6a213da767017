//! The log: append, load, relay, feed, upcast.
