//! Read models: pure folds of the log, kept by leased workers.
