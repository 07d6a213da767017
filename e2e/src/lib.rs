//! The harness that starts, kills and cuts real processes.
