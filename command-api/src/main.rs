//! The command API's process: read the settings, connect, serve, relay.

use std::time::Duration;

use chrono::TimeDelta;
use clap::Parser as _;
use command_api::{App, Config, Parts, expiry, keys, relay, router};
use event_store::deadline::Bounded;
use event_store::{EventStore, Settings, Upcasters};
use platform::database::Purpose;
use platform::identity::ApiKeys;
use platform::{server, telemetry};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() {
    if let Err(error) = run(Config::parse()).await {
        tracing::error!("{error:#}");
        std::process::exit(1);
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let metrics = telemetry::start()?;
    event_store::describe_metrics();
    let api_keys = ApiKeys::read(&config.identity.keys_file, domain::access::ROLES)?;
    // The appender has one of its own, and the relay two.
    let pool = config.database.connect_with("command-api", Purpose::Recording, 3, |options| options).await?;
    let stop = server::stop_signal()?;
    let store = EventStore::start(pool.clone(), Upcasters::new(domain::upcasters()), settings(&config));
    let relay_stop = CancellationToken::new();
    let relay = relay::start(&config, pool.clone(), &store, relay_stop.clone()).await?;
    let database = Bounded::new(pool.clone(), config.database.answer_within());
    keys::purge_regularly(database.clone(), settings(&config).key_retention, relay_stop.clone());
    expiry::end_overdue_reservations(database, store.clone(), relay_stop.clone());
    let parts = Parts {
        authenticate: Box::new(api_keys),
        contexts: config.contexts.clone(),
        ready: relay::readiness(store.clone(), relay.as_ref().map(relay::Running::status)),
        metrics: Some(metrics),
        max_body_bytes: config.listen.max_body_bytes,
        request_timeout: Duration::from_secs(config.listen.request_timeout),
        bulk_in_flight: config.bulk_in_flight,
    };
    let served = server::serve(
        router(App { store, longest_hold: TimeDelta::minutes(config.longest_hold_minutes.into()) }, parts),
        &config.listen,
        stop,
    )
    .await;
    relay_stop.cancel();
    if let Some(relay) = relay {
        relay.ended().await;
    }
    served
}

fn settings(config: &Config) -> Settings {
    Settings {
        queue: config.queue,
        max_batch: config.max_batch,
        cached_aggregates: config.cached_aggregates,
        key_retention: Duration::from_secs(config.key_retention_hours * 60 * 60),
        answer_within: config.database.answer_within(),
        // Whoever asks is told that the outcome is unknown before the request is given up without a word of it.
        patience: Duration::from_secs(config.listen.request_timeout).mul_f64(0.7),
        stalled_after: Duration::from_secs_f64(config.stalled_after),
        ..Settings::default()
    }
}
