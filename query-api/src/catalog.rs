//! Products and stores.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::values::{Key, Name};
use platform::Problem;
use platform::extract::Path;
use platform::page::{self, Page};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::read::{Asked, Document, Nothing, failed, one_of};

const PROJECTION: &str = "catalog";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(products))
        .routes(routes!(product))
        .routes(routes!(stores))
        .routes(routes!(store))
}

/// A product.
#[derive(Serialize, ToSchema)]
struct Product {
    sku: String,
    name: String,
    #[schema(value_type = String)]
    price: Decimal,
    currency: String,
    category: Option<String>,
    /// `active` or `discontinued`.
    status: String,
    /// Why it was discontinued.
    reason: Option<String>,
    /// For `If-Match` of the next command.
    sequence: i64,
}

impl Document for Product {
    fn sequence(&self) -> i64 {
        self.sequence
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Products {
    /// Words to be found in name, SKU and category, as one would type them into a search box; or the beginning of a SKU.
    q: Option<Name>,
    category: Option<Name>,
    /// `active` or `discontinued`.
    status: Option<String>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Products in the order of their SKUs, with full-text search.
#[utoipa::path(get, path = "/v1/catalog/products", tag = "catalog", params(Products), responses((status = 200, body = Page<Product>)))]
async fn products(State(app): State<App>, asked: Asked<Products>) -> Result<Response, Problem> {
    let (Products { q, category, status, limit, cursor }, mut ready) = asked.ready(&app, PROJECTION).await?;
    let limit = page::limit(limit)?;
    one_of("status", status.as_deref(), &["active", "discontinued"])?;
    let after: Option<String> = page::decode(cursor.as_deref())?;
    let products = sqlx::query_as!(
        Product,
        "select sku, name, price, currency, category, status, reason, sequence from catalog.product
         where ($1::text is null or search @@ websearch_to_tsquery('english', $1) or starts_with(sku, $1))
           and ($2::text is null or category = $2) and ($3::text is null or status = $3) and ($4::text is null or sku > $4)
         order by sku limit $5",
        q.as_deref(),
        category.as_deref(),
        status,
        after,
        limit + 1
    )
    .fetch_all(&mut *ready.snapshot)
    .await
    .map_err(failed)?;
    Ok(ready.page(Page::of(products, limit, |last| last.sku.clone())))
}

/// One product.
#[utoipa::path(get, path = "/v1/catalog/products/{sku}", tag = "catalog", params(("sku" = Key, Path)), responses((status = 200, body = Product)))]
async fn product(State(app): State<App>, Path(sku): Path<Key>, asked: Asked<Nothing>) -> Result<Response, Problem> {
    let (Nothing {}, mut ready) = asked.ready(&app, PROJECTION).await?;
    let product = sqlx::query_as!(
        Product,
        "select sku, name, price, currency, category, status, reason, sequence from catalog.product where sku = $1",
        &*sku
    );
    let found = product.fetch_optional(&mut *ready.snapshot).await.map_err(failed)?;
    ready.found(found, "product")
}

/// A store.
#[derive(Serialize, ToSchema)]
struct Store {
    id: String,
    name: String,
    country: String,
    /// What it trades in.
    currency: String,
    /// `open` or `closed`.
    status: String,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    /// For `If-Match` of the next command.
    sequence: i64,
}

impl Document for Store {
    fn sequence(&self) -> i64 {
        self.sequence
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Stores {
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Stores in the order of their ids.
#[utoipa::path(get, path = "/v1/catalog/stores", tag = "catalog", params(Stores), responses((status = 200, body = Page<Store>)))]
async fn stores(State(app): State<App>, asked: Asked<Stores>) -> Result<Response, Problem> {
    let (Stores { limit, cursor }, mut ready) = asked.ready(&app, PROJECTION).await?;
    let limit = page::limit(limit)?;
    let after: Option<String> = page::decode(cursor.as_deref())?;
    let stores = sqlx::query_as!(
        Store,
        "select id, name, country, currency, status, opened_at, closed_at, sequence from catalog.store where $1::text is null or id > $1 order by id limit $2",
        after,
        limit + 1
    )
    .fetch_all(&mut *ready.snapshot)
    .await
    .map_err(failed)?;
    Ok(ready.page(Page::of(stores, limit, |last| last.id.clone())))
}

/// One store.
#[utoipa::path(get, path = "/v1/catalog/stores/{id}", tag = "catalog", params(("id" = Key, Path)), responses((status = 200, body = Store)))]
async fn store(State(app): State<App>, Path(id): Path<Key>, asked: Asked<Nothing>) -> Result<Response, Problem> {
    let (Nothing {}, mut ready) = asked.ready(&app, PROJECTION).await?;
    let store = sqlx::query_as!(
        Store,
        "select id, name, country, currency, status, opened_at, closed_at, sequence from catalog.store where id = $1",
        &*id
    );
    let found = store.fetch_optional(&mut *ready.snapshot).await.map_err(failed)?;
    ready.found(found, "store")
}
