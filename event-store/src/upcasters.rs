//! Events of old versions become those of today on every way out of the log.

use std::sync::Arc;

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use serde_json::value::to_raw_value;

use crate::Recorded;

/// The upcasters of all contexts, applied in order.
#[derive(Clone, Default)]
pub struct Upcasters(Arc<[Box<dyn EventUpcaster>]>);

impl Upcasters {
    /// Each sees what the one before it made.
    #[must_use]
    pub fn new(upcasters: Vec<Box<dyn EventUpcaster>>) -> Self {
        Self(upcasters.into())
    }

    /// Brings an event up to date. One that no upcaster wants is not even parsed.
    ///
    /// # Errors
    /// When its payload or metadata is not JSON.
    pub fn apply(&self, event: Recorded) -> Result<Recorded, serde_json::Error> {
        if !self.0.iter().any(|upcaster| upcaster.can_upcast(&event.event_type, &event.event_version)) {
            return Ok(event);
        }
        let (position, sequence, event_id, recorded_at) =
            (event.position, event.sequence, event.event_id, event.recorded_at);
        let old = SerializedEvent::new(
            event.aggregate_id,
            usize::try_from(event.sequence).unwrap_or_default(),
            event.aggregate_type,
            event.event_type,
            event.event_version,
            serde_json::from_str(event.payload.get())?,
            serde_json::from_str(event.metadata.get())?,
        );
        let new = self.0.iter().fold(old, |event, upcaster| {
            if upcaster.can_upcast(&event.event_type, &event.event_version) { upcaster.upcast(event) } else { event }
        });
        Ok(Recorded {
            position,
            aggregate_type: new.aggregate_type,
            aggregate_id: new.aggregate_id,
            sequence,
            event_id,
            event_type: new.event_type,
            event_version: new.event_version,
            payload: to_raw_value(&new.payload)?,
            metadata: to_raw_value(&new.metadata)?,
            recorded_at,
        })
    }
}
