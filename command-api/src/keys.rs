//! Idempotency keys do not count for ever.

use std::time::Duration;

use event_store::deadline::Bounded;
use platform::clock;
use tokio_util::sync::CancellationToken;

/// How often old keys are looked for.
const EVERY: Duration = Duration::from_secs(60);
/// Keys removed in one statement at most.
const AT_ONCE: i64 = 10_000;

/// Removes keys that no longer count, now and then, until `stop` is cancelled.
pub fn purge_regularly(database: Bounded, retention: Duration, stop: CancellationToken) {
    tokio::spawn(async move {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            if let Err(error) = event_store::purge_idempotency_keys(&database, clock::now() - retention, AT_ONCE).await
            {
                tracing::warn!(%error, "old idempotency keys could not be removed");
            }
        }
    });
}
