//! POST: authenticate, decide, append.
