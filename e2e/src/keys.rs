//! API keys for tests.

use sha2::{Digest as _, Sha256};

/// What a keys file holds instead of the key: its SHA-256 in hex.
#[must_use]
pub fn digest(key: &str) -> String {
    format!("{:x}", Sha256::digest(key))
}
