//! The JetStream stream, which is believed only as far as it is known to be the log.

use async_nats::jetstream::context::{Context, CreateStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, State, StorageType, Stream};
use uuid::Uuid;

use crate::log::Place;
use crate::relay_error::{RelayError, nats};

/// The log's stream, set up as it must be.
pub(crate) struct CheckedStream(Stream);

impl CheckedStream {
    /// Makes the stream if it is not there, and puts back what somebody changed of it.
    ///
    /// # Errors
    /// When NATS cannot be used, or it cannot be put back.
    pub(crate) async fn open(jetstream: &Context, name: &str) -> Result<Self, RelayError> {
        let Ok(found) = jetstream.get_stream(name).await else {
            return Ok(Self(jetstream.create_stream(config(name)).await.map_err(nats)?));
        };
        let has = &found.cached_info().config;
        if !is_as_wanted(has) {
            tracing::warn!(stream = name, "the stream was set up differently; it is put back");
            metrics::counter!("annals_relay_reconfigured_total").increment(1);
            // What forbids to delete, or lets messages expire that say so, cannot be taken back, and is in nobody's way.
            let wanted = Config {
                deny_delete: has.deny_delete,
                allow_message_ttl: has.allow_message_ttl,
                num_replicas: has.num_replicas,
                ..config(name)
            };
            jetstream.update_stream(wanted).await.map_err(|error| match error.kind() {
                CreateStreamErrorKind::JetStream(refused) => {
                    RelayError::Foreign(format!("it is set up in a way that cannot be put back ({refused})"))
                }
                _ => nats(error),
            })?;
        }
        Ok(Self(jetstream.get_stream(name).await.map_err(nats)?))
    }

    /// What it holds.
    pub(crate) async fn state(&self) -> Result<State, RelayError> {
        Ok(self.0.get_info().await.map_err(nats)?.state)
    }

    /// The id of the event in a message; nil when it is none of ours.
    pub(crate) async fn event_id_of(&self, sequence: u64) -> Result<Uuid, RelayError> {
        let message = self.0.get_raw_message(sequence).await.map_err(nats)?;
        let id = message.headers.get("ce-id").and_then(|id| Uuid::parse_str(id.as_str()).ok());
        Ok(id.unwrap_or_default())
    }

    /// Nobody has changed, lost, taken away or added anything since what was published last.
    ///
    /// # Errors
    /// What has changed: the relay begins again, and finds out what to do about it.
    pub(crate) async fn still_ends_with(&self, last: Place) -> Result<(), RelayError> {
        let info = self.0.get_info().await.map_err(nats)?;
        let (state, sequence) = (info.state, u64::try_from(last.position).unwrap_or_default());
        if state.last_sequence != sequence {
            return Err(RelayError::Nats(format!(
                "the stream's last sequence is {}, not {sequence}",
                state.last_sequence
            )));
        }
        if state.messages != sequence {
            return Err(RelayError::Nats(format!("the stream has {} messages of {sequence}", state.messages)));
        }
        if !is_as_wanted(&info.config) {
            return Err(RelayError::Nats("somebody has set the stream up differently".to_owned()));
        }
        if sequence > 0 && self.event_id_of(sequence).await? != last.event_id {
            return Err(RelayError::Nats(format!("message {sequence} is not the event that was published")));
        }
        Ok(())
    }
}

/// Deletes the stream and makes it anew, empty.
///
/// # Errors
/// When NATS cannot be used.
pub(crate) async fn remake(jetstream: &Context, name: &str) -> Result<(), RelayError> {
    // One that is not there needs no deleting.
    let _ = jetstream.delete_stream(name).await;
    jetstream.create_stream(config(name)).await.map_err(nats)?;
    Ok(())
}

/// A stream that keeps everything, and from which nobody purges anything by mistake.
fn config(name: &str) -> Config {
    Config {
        name: name.to_owned(),
        description: Some(
            "The log, event by event; the sequence is the position. Made again from the log when lost.".to_owned(),
        ),
        subjects: vec!["events.>".to_owned()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        deny_purge: true,
        allow_direct: true,
        allow_atomic_publish: true,
        ..Config::default()
    }
}

/// Whether a stream keeps what is published to it, all of it and nothing else.
fn is_as_wanted(has: &Config) -> bool {
    let wanted = config(&has.name);
    has.subjects == wanted.subjects
        && has.storage == wanted.storage
        && has.retention == wanted.retention
        && has.discard == wanted.discard
        && [has.max_messages, has.max_bytes, has.max_messages_per_subject].iter().all(|limit| *limit <= 0)
        && has.max_message_size <= 0
        && has.max_age.is_zero()
        && (has.allow_direct, has.allow_atomic_publish, has.deny_purge) == (true, true, true)
        && (has.sealed, has.no_ack) == (false, false)
        // What others put in or name differently is not the log.
        && has.mirror.is_none()
        && has.sources.as_ref().is_none_or(Vec::is_empty)
        && has.subject_transform.is_none()
        && has.max_consumers <= 0
}
