//! Hands events to JetStream so that the sequence of each is its position.

use std::time::Duration;

use async_nats::client::Request;
use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_EXPECTED_LAST_SEQUENCE,
};
use async_nats::jetstream::context::{Context, ContextBuilder, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;

use crate::Recorded;
use crate::message::{body, headers, subject};
use crate::relay_error::{RelayError, nats};

/// Most messages that the server takes in one atomic batch.
pub(crate) const MAX_BATCH: usize = 1000;
/// From how many messages on a batch is faster than one message after another, on a server that syncs each before it acknowledges:
/// a small batch took 2.3 ms, a single message 0.2 ms, a batch of a hundred 3.3 ms.
const BATCH_FROM: usize = 12;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Publishes events, each right after the one before it.
pub(crate) struct Publisher {
    client: async_nats::Client,
    pub(crate) jetstream: Context,
}

impl Publisher {
    pub(crate) fn new(client: async_nats::Client) -> Self {
        let jetstream = ContextBuilder::new().timeout(TIMEOUT).max_ack_inflight(BATCH_FROM * 2).build(client.clone());
        Self { client, jetstream }
    }

    /// Publishes consecutive events. After an error the stream itself tells how far it got.
    pub(crate) async fn publish(&self, events: &[Recorded], source: &str) -> Result<(), RelayError> {
        if events.len() < BATCH_FROM {
            return self.one_by_one(events, source).await;
        }
        for batch in events.chunks(MAX_BATCH) {
            self.at_once(batch, source).await?;
        }
        Ok(())
    }

    /// Without waiting for each; the first that is refused has all that follow refused.
    async fn one_by_one(&self, events: &[Recorded], source: &str) -> Result<(), RelayError> {
        let mut acknowledgements = FuturesOrdered::new();
        for event in events {
            let message = PublishMessage::build()
                .payload(body(event))
                .headers(headers(event, source))
                .expected_last_sequence(before(event));
            let sent = self.jetstream.send_publish(subject(event), message).await.map_err(nats)?;
            acknowledgements.push_back(sent.into_future());
        }
        for event in events {
            let Some(acknowledged) = acknowledgements.next().await else { break };
            match acknowledged {
                Ok(acknowledged) => is_at(event, acknowledged.sequence)?,
                Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                    let reason = format!("position {} does not follow the stream's last sequence", event.position);
                    return Err(RelayError::Nats(reason));
                }
                Err(error) => return Err(nats(error)),
            }
        }
        Ok(())
    }

    /// As one atomic batch (NATS ADR-50), synced once: all or nothing. The first message names the sequence that the batch must follow,
    /// the last one is acknowledged.
    async fn at_once(&self, events: &[Recorded], source: &str) -> Result<(), RelayError> {
        let Some((last, rest)) = events.split_last() else { return Ok(()) };
        // Unique to this attempt: a rival's messages, or those of an attempt that failed, must not get into the batch.
        let id = self.client.new_inbox();
        let headers_of = |event: &Recorded, number: usize| {
            let mut headers = headers(event, source);
            headers.insert(NATS_BATCH_ID, id.as_str());
            headers.insert(NATS_BATCH_SEQUENCE, number.to_string().as_str());
            if number == 1 {
                headers.insert(NATS_EXPECTED_LAST_SEQUENCE, before(event).to_string().as_str());
            }
            headers
        };
        for (number, event) in (1..).zip(rest) {
            let headers = headers_of(event, number);
            self.client.publish_with_headers(subject(event), headers, body(event)).await.map_err(nats)?;
        }
        let mut headers = headers_of(last, events.len());
        headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        let commit = Request::new().headers(headers).payload(body(last)).timeout(Some(TIMEOUT));
        let answer = self.client.send_request(subject(last), commit).await.map_err(nats)?;
        match serde_json::from_slice(&answer.payload) {
            Ok(Response::<PublishAck>::Ok(acknowledged)) => is_at(last, acknowledged.sequence),
            Ok(Response::Err { error }) => Err(nats(error)),
            Err(error) => Err(nats(error)),
        }
    }
}

/// The sequence that the event's message must follow.
fn before(event: &Recorded) -> u64 {
    u64::try_from(event.position - 1).unwrap_or_default()
}

fn is_at(event: &Recorded, sequence: u64) -> Result<(), RelayError> {
    if i64::try_from(sequence) == Ok(event.position) {
        return Ok(());
    }
    Err(RelayError::Foreign(format!("position {} got sequence {sequence}", event.position)))
}
