//! Ends reservations whose time is over. Decisions do not wait for it, as each looks for them first; read models and low-stock alerts do.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::inventory::stock_item::{Action, Command};
use domain::inventory::{Key, StockItem};
use event_store::deadline::Bounded;
use event_store::{EventStore, Lease, Metadata, Request, Target};
use futures::{StreamExt as _, stream};
use platform::clock;
use tokio_util::sync::CancellationToken;

/// How often reservations are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Stock items looked at in one round at most.
const AT_ONCE: i64 = 500;
/// Stock items under way at once.
const IN_FLIGHT: usize = 64;

/// A stock item with reservations whose time is over.
struct Due {
    key: Key,
    now: DateTime<Utc>,
}

/// Ends reservations within seconds after their time is over, until `stop` is cancelled. Of many processes one does it.
pub fn end_overdue_reservations(database: Bounded, store: EventStore, stop: CancellationToken) {
    metrics::describe_counter!(
        "annals_expiry_failures_total",
        "Tries at ending reservations whose time is over that failed; they are tried again."
    );
    let holder = format!("command-api-{}", clock::new_id());
    tokio::spawn(async move {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            if let Err(error) = round(&database, &store, &holder).await {
                metrics::counter!("annals_expiry_failures_total").increment(1);
                tracing::warn!(%error, "reservations whose time is over could not be looked for");
            }
        }
    });
}

async fn round(database: &Bounded, store: &EventStore, holder: &str) -> Result<(), sqlx::Error> {
    if Lease::acquire(database, "expiry", holder, EVERY * 5).await?.is_none() {
        return Ok(());
    }
    let due = due(database).await?;
    stream::iter(due).for_each_concurrent(IN_FLIGHT, |due| expire(store, due)).await;
    Ok(())
}

/// What the read model knows of; it may be behind, and then the aggregate has nothing to end.
async fn due(database: &Bounded) -> Result<Vec<Due>, sqlx::Error> {
    let found = sqlx::query!(
        r#"select store, sku, clock_timestamp() as "now!" from inventory.reservation
           where status = 'held' and expires_at <= clock_timestamp()
           group by store, sku order by min(expires_at) limit $1"#,
        AT_ONCE
    )
    .fetch_all(database)
    .await;
    match found {
        Ok(rows) => {
            Ok(rows.into_iter().map(|row| Due { key: Key { store: row.store, sku: row.sku }, now: row.now }).collect())
        }
        Err(error) if is_not_made_yet(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// No projector has made the read model, so there is nothing in it.
fn is_not_made_yet(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("42P01" | "3F000"))
}

async fn expire(store: &EventStore, Due { key, now }: Due) {
    let request = Request {
        now,
        idempotency: None,
        expected: None,
        enqueued: None,
        metadata: Metadata {
            correlation_id: clock::new_id(),
            causation_id: None,
            actor: "annals/expiry".to_owned(),
            actor_kind: "timer".to_owned(),
            command: "inventory.expire".to_owned(),
            traceparent: None,
        },
    };
    let command = Command { action: Action::Expire, at: now, now };
    let target = Target::<StockItem>::existing(key.to_string());
    if let Err(error) = store.execute(&request, target, command).await {
        metrics::counter!("annals_expiry_failures_total").increment(1);
        tracing::warn!(%error, "reservations whose time is over could not be ended");
    }
}
