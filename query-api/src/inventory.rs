//! Stock per store and product, and where it runs low.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::values::Key;
use platform::Problem;
use platform::extract::Path;
use platform::page::{self, Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::App;
use crate::read::{Asked, Document, Nothing, failed, one_of};

const PROJECTION: &str = "inventory";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(stock))
        .routes(routes!(stock_item))
        .routes(routes!(alerts))
        .routes(routes!(reservations))
        .routes(routes!(reservations_of_item))
}

/// The units of one product in one store.
#[derive(Serialize, ToSchema)]
struct Stock {
    store: String,
    sku: String,
    on_hand: i64,
    reserved: i64,
    /// On hand and not reserved.
    available: i64,
    /// Units received since the beginning.
    received: i64,
    /// Units that left since the beginning.
    issued: i64,
    /// Sum of the corrections since the beginning.
    adjusted: i64,
    transferred_in: i64,
    transferred_out: i64,
    reorder_level: Option<i64>,
    /// What is available is at or below the reorder level.
    low: bool,
    /// For `If-Match` of the next command.
    sequence: i64,
}

impl Document for Stock {
    fn sequence(&self) -> i64 {
        self.sequence
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    store: Option<Key>,
    sku: Option<Key>,
    /// Only what runs low (`true`), or only what does not.
    low: Option<bool>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Stock in the order of store and SKU.
#[utoipa::path(get, path = "/v1/inventory", tag = "inventory", params(Filter), responses((status = 200, body = Page<Stock>)))]
async fn stock(State(app): State<App>, asked: Asked<Filter>) -> Result<Response, Problem> {
    let (Filter { store, sku, low, limit, cursor }, mut ready) = asked.ready(&app, PROJECTION).await?;
    let limit = page::limit(limit)?;
    let (after_store, after_sku) = page::decode::<(String, String)>(cursor.as_deref())?.unzip();
    let stock = sqlx::query_as!(
        Stock,
        r#"select store, sku, on_hand, reserved, available as "available!", received, issued, adjusted, transferred_in, transferred_out,
                  reorder_level, low, sequence
           from inventory.stock
           where ($1::text is null or store = $1) and ($2::text is null or sku = $2) and ($3::boolean is null or low = $3)
             and ($4::text is null or (store, sku) > ($4, $5::text))
           order by store, sku limit $6"#,
        store.as_deref(),
        sku.as_deref(),
        low,
        after_store,
        after_sku,
        limit + 1
    )
    .fetch_all(&mut *ready.snapshot)
    .await
    .map_err(failed)?;
    Ok(ready.page(Page::of(stock, limit, |last| (last.store.clone(), last.sku.clone()))))
}

/// The units of one product in one store.
#[utoipa::path(get, path = "/v1/inventory/{store}/{sku}", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), responses((status = 200, body = Stock)))]
async fn stock_item(
    State(app): State<App>,
    Path((store, sku)): Path<(Key, Key)>,
    asked: Asked<Nothing>,
) -> Result<Response, Problem> {
    let (Nothing {}, mut ready) = asked.ready(&app, PROJECTION).await?;
    let stock = sqlx::query_as!(
        Stock,
        r#"select store, sku, on_hand, reserved, available as "available!", received, issued, adjusted, transferred_in, transferred_out,
                  reorder_level, low, sequence
           from inventory.stock where store = $1 and sku = $2"#,
        &*store,
        &*sku
    );
    let found = stock.fetch_optional(&mut *ready.snapshot).await.map_err(failed)?;
    ready.found(found, "stock")
}

/// A time when stock ran low.
#[derive(Serialize, ToSchema)]
struct Alert {
    /// The event that raised it.
    raised_position: i64,
    store: String,
    sku: String,
    /// As it was when the alert was raised.
    available: i64,
    /// The reorder level as it was then.
    level: i64,
    raised_at: DateTime<Utc>,
    /// The event that ended it; none while it is open.
    cleared_position: Option<i64>,
    cleared_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Alerts {
    store: Option<Key>,
    sku: Option<Key>,
    /// Only open alerts (`true`, the default), or all (`false`).
    open: Option<bool>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Low-stock alerts in the order in which they were raised.
#[utoipa::path(get, path = "/v1/inventory/alerts", tag = "inventory", params(Alerts), responses((status = 200, body = Page<Alert>)))]
async fn alerts(State(app): State<App>, asked: Asked<Alerts>) -> Result<Response, Problem> {
    let (Alerts { store, sku, open, limit, cursor }, mut ready) = asked.ready(&app, PROJECTION).await?;
    let limit = page::limit(limit)?;
    let after: Option<i64> = page::decode(cursor.as_deref())?;
    let alerts = sqlx::query_as!(
        Alert,
        "select raised_position, store, sku, available, level, raised_at, cleared_position, cleared_at from inventory.alert
         where ($1::text is null or store = $1) and ($2::text is null or sku = $2) and (not $3::boolean or cleared_position is null)
           and ($4::bigint is null or raised_position > $4)
         order by raised_position limit $5",
        store.as_deref(),
        sku.as_deref(),
        open.unwrap_or(true),
        after,
        limit + 1
    )
    .fetch_all(&mut *ready.snapshot)
    .await
    .map_err(failed)?;
    Ok(ready.page(Page::of(alerts, limit, |last| last.raised_position)))
}

/// Units put aside.
#[derive(Serialize, ToSchema)]
struct Reservation {
    store: String,
    sku: String,
    id: Uuid,
    quantity: i64,
    /// `held`, `released`, `committed`, `expired`, or `voided`: taken back before it was made.
    status: String,
    reserved_at: DateTime<Utc>,
    /// When it ends by itself, by the server's clock.
    expires_at: DateTime<Utc>,
    /// When it ended.
    settled_at: Option<DateTime<Utc>>,
    /// The event that made it.
    position: i64,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Reservations {
    /// `held` if not given, `released`, `committed`, `expired` or `voided`.
    status: Option<String>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Reservations of all stock, in the order in which they were made.
#[utoipa::path(get, path = "/v1/inventory/reservations", tag = "inventory", params(Reservations), responses((status = 200, body = Page<Reservation>)))]
async fn reservations(State(app): State<App>, asked: Asked<Reservations>) -> Result<Response, Problem> {
    list_reservations(&app, None, asked).await
}

/// Reservations of one product in one store, in the order in which they were made.
#[utoipa::path(get, path = "/v1/inventory/{store}/{sku}/reservations", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path), Reservations), responses((status = 200, body = Page<Reservation>)))]
async fn reservations_of_item(
    State(app): State<App>,
    Path(item): Path<(Key, Key)>,
    asked: Asked<Reservations>,
) -> Result<Response, Problem> {
    list_reservations(&app, Some(item), asked).await
}

async fn list_reservations(
    app: &App,
    item: Option<(Key, Key)>,
    asked: Asked<Reservations>,
) -> Result<Response, Problem> {
    let (Reservations { status, limit, cursor }, mut ready) = asked.ready(app, PROJECTION).await?;
    one_of("status", status.as_deref(), &["held", "released", "committed", "expired", "voided"])?;
    let limit = page::limit(limit)?;
    let after: Option<i64> = page::decode(cursor.as_deref())?;
    let (store, sku) = item.unzip();
    let reservations = sqlx::query_as!(
        Reservation,
        "select store, sku, id, quantity, status, reserved_at, expires_at, settled_at, position from inventory.reservation
         where status = $1 and ($2::text is null or (store = $2 and sku = $3)) and position > $4
         order by position limit $5",
        status.as_deref().unwrap_or("held"),
        store.as_deref(),
        sku.as_deref(),
        after.unwrap_or_default(),
        limit + 1
    )
    .fetch_all(&mut *ready.snapshot)
    .await
    .map_err(failed)?;
    Ok(ready.page(Page::of(reservations, limit, |last| last.position)))
}
