//! Rebuild, verify and watch projections.
