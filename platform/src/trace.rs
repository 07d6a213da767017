//! W3C trace context: which request led to what, across services.

use axum::http::HeaderMap;
use uuid::Uuid;

use crate::clock;

/// The trace that a request belongs to, and this service's span in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    trace_id: String,
    span_id: String,
}

impl Trace {
    /// Goes on with the caller's trace, or begins one.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let given = headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(trace_id);
        let fresh = clock::new_id();
        Self {
            trace_id: given.map_or_else(|| clock::new_id().simple().to_string(), str::to_owned),
            span_id: span_id(fresh),
        }
    }

    /// 32 hex digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.trace_id
    }

    /// As it is passed on.
    #[must_use]
    pub fn parent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }
}

/// The random half of a version 7 UUID.
fn span_id(id: Uuid) -> String {
    id.simple().to_string().split_off(16)
}

fn trace_id(parent: &str) -> Option<&str> {
    let mut parts = parent.split('-');
    let (_version, id, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex(id, 32) && is_hex(span, 16) && id.bytes().any(|byte| byte != b'0')).then_some(id)
}
