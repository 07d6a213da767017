//! Events as the log would hand them out, and their fold without a database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use event_store::Recorded;
use projector::Projection;
use projector::rows::{AnyTable, Rows as _};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

/// A log in memory.
#[derive(Default)]
pub struct Log {
    pub events: Vec<Recorded>,
    sequences: HashMap<(String, String), i64>,
}

impl Log {
    /// The position of the next event.
    pub fn next(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap() + 1
    }

    pub fn record<E: DomainEvent + Serialize>(&mut self, aggregate_type: &str, id: &str, event: &E) -> &mut Self {
        let sequence = self.sequences.entry((aggregate_type.to_owned(), id.to_owned())).or_default();
        *sequence += 1;
        let position = i64::try_from(self.events.len()).unwrap() + 1;
        self.events.push(Recorded {
            position,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id: id.to_owned(),
            sequence: *sequence,
            event_id: Uuid::from_u128(position.unsigned_abs().into()),
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: to_raw_value(event).unwrap(),
            metadata: RawValue::from_string("{}".to_owned()).unwrap(),
            recorded_at: DateTime::<Utc>::UNIX_EPOCH,
        });
        self
    }
}

/// What a projection makes of a log, in memory.
pub fn fold<P: Projection>(projection: &P, events: &[Recorded]) -> P::Rows {
    let mut rows = P::Rows::in_schema(P::NAME);
    rows.tables().into_iter().for_each(AnyTable::assume_empty);
    for recorded in events {
        if let Some(event) = projection.decode(recorded).unwrap() {
            projection.keys(recorded, &event, &mut rows);
            projection.apply(recorded, &event, &mut rows).unwrap();
        }
    }
    rows
}
