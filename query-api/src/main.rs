//! The query API's process: read the settings, connect, serve.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use platform::database::Purpose;
use platform::server::{Readiness, serve_watched, watched};
use platform::service::{self, Service};
use query_api::{App, Config, Parts, Progress, router};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    service::run(work).await
}

async fn work(Service { config, metrics, stop }: Service<Config>) -> anyhow::Result<()> {
    let keys = service::keys(&config.identity, domain::access::ROLES)?;
    // Filters are optional: a plan made for their values uses the right index, a general one cannot.
    let pool = config
        .database
        // One follows the projections' progress.
        .connect_with("query-api", Purpose::Reading, 1, |options| {
            options.options([("plan_cache_mode", "force_custom_plan")])
        })
        .await?;
    let ready: Readiness = Arc::new({
        let pool = pool.clone();
        move || Box::pin(query_api::ready(pool.clone()))
    });
    let app = App { progress: Progress::follow(pool.clone(), stop.clone()), pool };
    let parts = Parts {
        authenticate: Box::new(keys),
        contexts: config.contexts.clone(),
        ready: ready.clone(),
        request_timeout: Duration::from_secs(config.listen.request_timeout),
    };
    serve_watched(router(app, parts), watched(ready, metrics), &config.listen, &config.inner, stop).await
}
