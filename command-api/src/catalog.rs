//! Commands on products and stores.

use axum::extract::State;
use domain::catalog::{Product, Store, product, store};
use domain::values::{Currency, Key, Name, Price, TimeZone, Timestamp};
use event_store::Target;
use platform::Problem;
use platform::extract::Path;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::answer::{Accepted, Answer, path, problem};
use crate::posted::Posted;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add))
        .routes(routes!(rename))
        .routes(routes!(reprice))
        .routes(routes!(categorise))
        .routes(routes!(discontinue))
        .routes(routes!(reinstate))
        .routes(routes!(open))
        .routes(routes!(close))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Add {
    /// Unique.
    sku: Key,
    name: Name,
    price: Price,
    currency: Currency,
    category: Option<Name>,
}

/// Puts a product into the catalog.
#[utoipa::path(post, path = "/v1/catalog/products", tag = "catalog", request_body = Add, responses((status = 201, body = Accepted)))]
async fn add(State(app): State<App>, posted: Posted<Add>) -> Result<Answer, Problem> {
    let Add { sku, name, price, currency, category } = posted.body;
    let sku = sku.into_inner();
    let command = product::Command::Add {
        name: name.into(),
        price: price.into(),
        currency: currency.into(),
        category: category.map(Into::into),
    };
    let receipt = app.store.execute(&posted.request, Target::<Product>::new(&*sku), command).await.map_err(problem)?;
    Ok(Answer::created(path(["v1", "catalog", "products", &sku]), receipt))
}

async fn change(
    app: App,
    sku: Key,
    request: event_store::Request,
    command: product::Command,
) -> Result<Answer, Problem> {
    let receipt = app.store.execute(&request, Target::<Product>::existing(&*sku), command).await.map_err(problem)?;
    Ok(Answer::done(path(["v1", "catalog", "products", &sku]), receipt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rename {
    name: Name,
}

/// Gives a product another name.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/rename", tag = "catalog", params(("sku" = Key, Path)), request_body = Rename, responses((status = 200, body = Accepted)))]
async fn rename(State(app): State<App>, Path(sku): Path<Key>, posted: Posted<Rename>) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Rename { name: posted.body.name.into() }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reprice {
    price: Price,
}

/// Gives a product another price.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/reprice", tag = "catalog", params(("sku" = Key, Path)), request_body = Reprice, responses((status = 200, body = Accepted)))]
async fn reprice(State(app): State<App>, Path(sku): Path<Key>, posted: Posted<Reprice>) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Reprice { price: posted.body.price.into() }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Categorise {
    category: Name,
}

/// Puts a product into another category.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/categorise", tag = "catalog", params(("sku" = Key, Path)), request_body = Categorise, responses((status = 200, body = Accepted)))]
async fn categorise(
    State(app): State<App>,
    Path(sku): Path<Key>,
    posted: Posted<Categorise>,
) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Categorise { category: posted.body.category.into() }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Discontinue {
    reason: Option<Name>,
}

/// Takes a product off sale.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/discontinue", tag = "catalog", params(("sku" = Key, Path)), request_body = Discontinue, responses((status = 200, body = Accepted)))]
async fn discontinue(
    State(app): State<App>,
    Path(sku): Path<Key>,
    posted: Posted<Discontinue>,
) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Discontinue { reason: posted.body.reason.map(Into::into) }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reinstate {}

/// Puts a product on sale again.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/reinstate", tag = "catalog", params(("sku" = Key, Path)), request_body = Reinstate, responses((status = 200, body = Accepted)))]
async fn reinstate(State(app): State<App>, Path(sku): Path<Key>, posted: Posted<Reinstate>) -> Result<Answer, Problem> {
    let Reinstate {} = posted.body;
    change(app, sku, posted.request, product::Command::Reinstate).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Open {
    /// Unique.
    id: Key,
    name: Name,
    country: Key,
    /// What it trades in.
    currency: Currency,
    /// When its day ends; UTC if not given.
    time_zone: Option<TimeZone>,
    at: Option<Timestamp>,
}

/// Opens a store.
#[utoipa::path(post, path = "/v1/catalog/stores", tag = "catalog", request_body = Open, responses((status = 201, body = Accepted)))]
async fn open(State(app): State<App>, posted: Posted<Open>) -> Result<Answer, Problem> {
    let at = posted.at(posted.body.at);
    let Open { id, name, country, currency, time_zone, .. } = posted.body;
    let id = id.into_inner();
    let command = store::Command::Open {
        name: name.into(),
        country: country.into(),
        currency: currency.into(),
        time_zone: time_zone.map(Into::into),
        at,
    };
    let receipt = app.store.execute(&posted.request, Target::<Store>::new(&*id), command).await.map_err(problem)?;
    Ok(Answer::created(path(["v1", "catalog", "stores", &id]), receipt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Close {
    at: Option<Timestamp>,
}

/// Closes a store for good.
#[utoipa::path(post, path = "/v1/catalog/stores/{id}/close", tag = "catalog", params(("id" = Key, Path)), request_body = Close, responses((status = 200, body = Accepted)))]
async fn close(State(app): State<App>, Path(id): Path<Key>, posted: Posted<Close>) -> Result<Answer, Problem> {
    let command = store::Command::Close { at: posted.at(posted.body.at) };
    let receipt =
        app.store.execute(&posted.request, Target::<Store>::existing(&*id), command).await.map_err(problem)?;
    Ok(Answer::done(path(["v1", "catalog", "stores", &id]), receipt))
}
