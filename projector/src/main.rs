//! The projector's process: read the settings, connect, work until told to stop.

use std::process::ExitCode;

use platform::database::Purpose;
use platform::server;
use platform::service::{self, Service};
use projector::{Config, service as workers};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service::run(work).await
}

async fn work(Service { config, metrics, stop }: Service<Config>) -> anyhow::Result<()> {
    service::survive_hangups()?;
    event_store::describe_metrics();
    workers::describe_metrics();
    // Rows and checkpoint are lost together or not at all, and what is lost is folded again: no commit need wait for the disk.
    let pool = config
        .database
        .connect_with("projector", Purpose::Deriving, workers::CONNECTIONS_FOR_FEED, |options| {
            options.options([("synchronous_commit", "off")])
        })
        .await?;
    let source = workers::source(&config, pool.clone()).await?;
    let mut workers = workers::start_workers(&config, source, &stop);
    let health = server::watched(workers::readiness(pool), metrics);
    let served = server::serve(health, &config.listen, stop.clone()).await;
    stop.cancel();
    while workers.join_next().await.is_some() {}
    served
}
