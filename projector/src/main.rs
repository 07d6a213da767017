//! The projector's process: read the settings, connect, work until told to stop.

use clap::Parser as _;
use platform::database::Purpose;
use platform::{server, telemetry};
use projector::{Config, service};

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
    service::describe_metrics();
    // Rows and checkpoint are lost together or not at all, and what is lost is folded again: no commit need wait for the disk.
    let pool = config
        .database
        .connect_with("projector", Purpose::Deriving, service::CONNECTIONS_FOR_FEED, |options| {
            options.options([("synchronous_commit", "off")])
        })
        .await?;
    let stop = server::stop_signal()?;
    let source = service::source(&config, pool.clone()).await?;
    let mut workers = service::start_workers(&config, source, &stop);
    let health = server::health(service::readiness(pool), Some(metrics));
    let served = server::serve(health, &config.listen, stop.clone()).await;
    stop.cancel();
    while workers.join_next().await.is_some() {}
    served
}
