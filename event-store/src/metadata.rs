//! Who caused an event, why, and in what trace. Never what it says.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Stored with each event as a flat object of strings, which is what cqrs-es expects there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The same for everything that one request led to.
    pub correlation_id: Uuid,
    /// What this is a direct answer to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// The principal's name.
    pub actor: String,
    /// What kind of principal: `api_key`, …
    pub actor_kind: String,
    /// The command's name.
    pub command: String,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}
