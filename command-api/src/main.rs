//! The command API's process: read the settings, connect, serve, relay.

use std::process::ExitCode;
use std::time::Duration;

use chrono::TimeDelta;
use command_api::stores::Stores;
use command_api::{App, Config, Parts, expiry, keys, relay, router};
use event_store::deadline::Bounded;
use event_store::{EventStore, Upcasters};
use platform::database::Purpose;
use platform::server::{serve_watched, watched};
use platform::service::{self, Service};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service::run(work).await
}

async fn work(Service { config, metrics, stop }: Service<Config>) -> anyhow::Result<()> {
    event_store::describe_metrics();
    let api_keys = service::keys(&config.identity, domain::access::ROLES)?;
    // The appender has one of its own, and the relay two.
    let pool = config.database.connect_with("command-api", Purpose::Recording, 3, |options| options).await?;
    let store = EventStore::start(pool.clone(), Upcasters::new(domain::upcasters()), config.store());
    let relay_stop = CancellationToken::new();
    let relay = relay::start(&config, pool.clone(), &store, relay_stop.clone()).await?;
    let database = Bounded::new(pool, config.database.answer_within());
    keys::purge_regularly(database.clone(), config.store().key_retention, relay_stop.clone());
    expiry::end_overdue_reservations(database, store.clone(), relay_stop.clone());
    let ready = relay::readiness(store.clone(), relay.as_ref().map(relay::Running::status));
    let stores = Stores::of(store.clone(), config.stores);
    let app = App { store, longest_hold: TimeDelta::minutes(config.longest_hold_minutes.into()), stores };
    let parts = Parts {
        authenticate: Box::new(api_keys),
        contexts: config.contexts.clone(),
        ready: ready.clone(),
        max_body_bytes: config.listen.max_body_bytes,
        request_timeout: Duration::from_secs(config.listen.request_timeout),
        bulk: config.bulk(),
    };
    let served = serve_watched(router(app, parts), watched(ready, metrics), &config.listen, &config.inner, stop).await;
    relay_stop.cancel();
    if let Some(relay) = relay {
        relay.ended().await;
    }
    served
}
