//! I5: the stream is the log, message by message; and a feed hands out the log whatever the stream does.
#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;
mod feeding;
mod relaying;
mod sharing;

use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use common::{Tally, count, request};
use e2e::nats::Server;
use e2e::postgres::connections_of_a_process;
use event_store::log::Place;
use event_store::{EventStore, FeedSource, Relay, RelaySettings, RelayStatus, Settings, Target, Upcasters};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

const NAME: &str = "ANNALS";

/// A log that is being written, and a NATS for its stream.
struct World {
    pool: PgPool,
    nats: Server,
    store: EventStore,
    stop: CancellationToken,
    /// Whoever still uses the database when the test ends is in the way of dropping it.
    _stops: DropGuard,
}

impl World {
    async fn new(pool: &PgPool) -> Self {
        let stop = CancellationToken::new();
        let pool = connections_of_a_process(pool);
        let store = EventStore::start(pool.clone(), Upcasters::default(), Settings::default());
        let nats = Server::start().await.unwrap();
        Self { pool, nats, store, stop: stop.clone(), _stops: stop.drop_guard() }
    }

    /// Appends so many commits of three events each to one stream.
    async fn append(&self, stream: &str, commits: usize) {
        for _ in 0..commits {
            self.store.execute(&request(), Target::<Tally>::existing(stream), count(3)).await.unwrap();
        }
    }

    async fn relay(&self, holder: &str) -> watch::Receiver<RelayStatus> {
        let settings = RelaySettings {
            lease: Duration::from_millis(500),
            poll: Duration::from_millis(100),
            ..RelaySettings::default()
        };
        let client = self.nats.client("relay").await.unwrap();
        let relay = Relay::new(self.pool.clone(), client, settings, self.store.appended());
        let status = relay.status();
        tokio::spawn(relay.run(holder.to_owned(), self.stop.clone()));
        status
    }

    async fn source(&self) -> FeedSource {
        let nats = Some(self.nats.client("reader").await.unwrap());
        FeedSource { pool: self.pool.clone(), nats, stream: NAME.to_owned(), upcasters: Upcasters::default() }
    }

    async fn stream(&self) -> Stream {
        let jetstream = async_nats::jetstream::new(self.nats.client("relay").await.unwrap());
        for _ in 0..200 {
            if let Ok(stream) = jetstream.get_stream(NAME).await {
                return stream;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        jetstream.get_stream(NAME).await.unwrap()
    }

    /// The ids of the log's events in order.
    async fn log(&self) -> Vec<String> {
        sqlx::query_scalar("select event_id::text from events order by position").fetch_all(&self.pool).await.unwrap()
    }

    /// The place of the event at a position; before the first for 0.
    async fn place(&self, position: i64) -> Place {
        let event_id = sqlx::query_scalar("select event_id from events where position = $1").bind(position);
        Place { position, event_id: event_id.fetch_optional(&self.pool).await.unwrap().unwrap_or_default() }
    }

    /// As after a restore: the log ends at that position, and knows nothing of what came after.
    async fn lose_what_came_after(&self, position: i64) {
        let cut = format!(
            "alter table events disable trigger all; delete from events where position > {position};
             alter table events enable trigger all; alter table log_head disable trigger all;
             update log_head set position = {position}; alter table log_head enable trigger all"
        );
        sqlx::raw_sql(&cut).execute(&self.pool).await.unwrap();
    }

    /// Waits until the stream ends where the log does, and compares them message by message.
    async fn stream_is_the_log(&self) {
        let log = self.log().await;
        let stream = self.stream().await;
        for _ in 0..600 {
            if stream.get_info().await.unwrap().state.last_sequence >= log.len() as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let state = stream.get_info().await.unwrap().state;
        assert_eq!(
            (state.first_sequence, state.last_sequence, state.messages),
            (1, log.len() as u64, log.len() as u64)
        );
        for (sequence, id) in (1..).zip(&log) {
            let message = stream.get_raw_message(sequence).await.unwrap();
            assert_eq!(message.headers.get("ce-id").unwrap().as_str(), id, "at {sequence}");
        }
    }
}

/// Waits for a status.
async fn becomes(status: &mut watch::Receiver<RelayStatus>, wanted: fn(&RelayStatus) -> bool) -> RelayStatus {
    let found = tokio::time::timeout(Duration::from_secs(30), status.wait_for(wanted)).await;
    found.unwrap().unwrap().clone()
}
