//! Free ports on loopback.

use std::net::TcpListener;

/// A port that nobody listened on a moment ago. The system hands them out in turn, so two callers do not get the same one.
///
/// # Errors
/// When there is none.
pub fn free() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
