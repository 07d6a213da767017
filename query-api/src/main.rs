//! The query API's process: read the settings, connect, serve.

use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use platform::database::Purpose;
use platform::identity::ApiKeys;
use platform::{server, telemetry};
use query_api::{App, Config, Parts, Progress, router};

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
    let keys = ApiKeys::read(&config.identity.keys_file, domain::access::ROLES)?;
    // Filters are optional: a plan made for their values uses the right index, a general one cannot.
    let pool = config
        .database
        // One follows the projections' progress.
        .connect_with("query-api", Purpose::Reading, 1, |options| {
            options.options([("plan_cache_mode", "force_custom_plan")])
        })
        .await?;
    let stop = server::stop_signal()?;
    let app = App { pool: pool.clone(), progress: Progress::follow(pool.clone(), stop.clone()) };
    let parts = Parts {
        authenticate: Box::new(keys),
        contexts: config.contexts.clone(),
        ready: Arc::new(move || Box::pin(query_api::ready(pool.clone()))),
        metrics: Some(metrics),
        request_timeout: Duration::from_secs(config.listen.request_timeout),
    };
    server::serve(router(app, parts), &config.listen, stop).await
}
