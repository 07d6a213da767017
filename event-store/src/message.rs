//! Events as messages: `CloudEvents` 1.0 in NATS' binary mode, and back.

use async_nats::HeaderMap;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::Recorded;

/// How many parts the subjects are split into.
pub const PARTITIONS: u64 = 64;

/// `events.<partition>.<aggregate type>.<event type>`.
#[must_use]
pub fn subject(event: &Recorded) -> String {
    format!("events.{:02}.{}.{}", partition(&event.aggregate_id), event.aggregate_type, event.event_type)
}

/// FNV-1a (64 bits) of the aggregate's id, modulo [`PARTITIONS`]: stable, whatever runs it.
#[must_use]
pub fn partition(aggregate_id: &str) -> u64 {
    let hash = aggregate_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash % PARTITIONS
}

/// The source of all events of a log.
pub(crate) fn source(log_id: Uuid) -> String {
    format!("/annals/{log_id}")
}

/// The message's body.
pub(crate) fn body(event: &Recorded) -> Bytes {
    event.payload.get().to_owned().into()
}

/// The message's headers.
pub(crate) fn headers(event: &Recorded, source: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", event.event_id.to_string().as_str());
    headers.insert("ce-type", event.event_type.as_str());
    headers.insert("ce-source", source);
    headers.insert("ce-subject", format!("{}/{}", event.aggregate_type, encode(&event.aggregate_id)).as_str());
    headers.insert("ce-time", event.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true).as_str());
    headers.insert("ce-sequence", event.sequence.to_string().as_str());
    headers.insert("ce-eventversion", event.event_version.as_str());
    headers.insert("content-type", "application/json");
    headers.insert("ce-metadata", encode(event.metadata.get()).as_str());
    if let Ok(metadata) = event.metadata() {
        headers.insert("ce-correlationid", metadata.correlation_id.to_string().as_str());
        if let Some(cause) = metadata.causation_id {
            headers.insert("ce-causationid", cause.to_string().as_str());
        }
        if let Some(trace) = &metadata.traceparent {
            headers.insert("traceparent", trace.as_str());
        }
    }
    headers
}

/// The event that a message carries; `None` when it is none of ours.
pub(crate) fn event(position: u64, headers: &HeaderMap, body: &[u8], source: &str) -> Option<Recorded> {
    let header = |name: &str| headers.get(name).map(async_nats::HeaderValue::as_str);
    if header("ce-source")? != source {
        return None;
    }
    let (aggregate_type, aggregate_id) = header("ce-subject")?.split_once('/')?;
    Some(Recorded {
        position: i64::try_from(position).ok()?,
        aggregate_type: aggregate_type.to_owned(),
        aggregate_id: decode(aggregate_id)?,
        sequence: header("ce-sequence")?.parse().ok()?,
        event_id: header("ce-id")?.parse().ok()?,
        event_type: header("ce-type")?.to_owned(),
        event_version: header("ce-eventversion")?.to_owned(),
        payload: RawValue::from_string(std::str::from_utf8(body).ok()?.to_owned()).ok()?,
        metadata: RawValue::from_string(decode(header("ce-metadata")?)?).ok()?,
        recorded_at: DateTime::parse_from_rfc3339(header("ce-time")?).ok()?.with_timezone(&Utc),
    })
}

/// What may not stand in a header's value as it is, as the `CloudEvents` HTTP and NATS bindings list it.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNSAFE).to_string()
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}
