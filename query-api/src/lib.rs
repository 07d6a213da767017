//! GET: what the read models know.
