//! Commands on products and stores.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::Decimal;
use domain::catalog::{Product, Store, product, store};
use event_store::Target;
use platform::Problem;
use platform::extract::Path;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::answer::{Accepted, Answer, key, path, problem};
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
    /// Unique, 1 to 64 characters.
    sku: String,
    name: String,
    #[schema(value_type = String, example = "2.55")]
    price: Decimal,
    /// ISO 4217.
    #[schema(example = "GBP")]
    currency: String,
    category: Option<String>,
}

/// Puts a product into the catalog.
#[utoipa::path(post, path = "/v1/catalog/products", tag = "catalog", responses((status = 201, body = Accepted)))]
async fn add(State(app): State<App>, posted: Posted<Add>) -> Result<Answer, Problem> {
    let Add { sku, name, price, currency, category } = posted.body;
    let sku = key("sku", sku)?;
    let command = product::Command::Add { name, price, currency, category };
    let receipt = app.store.execute(&posted.request, Target::<Product>::new(&*sku), command).await.map_err(problem)?;
    Ok(Answer::created(path(["v1", "catalog", "products", &sku]), receipt))
}

async fn change(
    app: App,
    sku: String,
    request: event_store::Request,
    command: product::Command,
) -> Result<Answer, Problem> {
    let receipt = app.store.execute(&request, Target::<Product>::existing(&*sku), command).await.map_err(problem)?;
    Ok(Answer::done(path(["v1", "catalog", "products", &sku]), receipt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rename {
    name: String,
}

/// Gives a product another name.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/rename", tag = "catalog", params(("sku" = String, Path)), responses((status = 200, body = Accepted)))]
async fn rename(State(app): State<App>, Path(sku): Path<String>, posted: Posted<Rename>) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Rename { name: posted.body.name }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reprice {
    #[schema(value_type = String, example = "2.55")]
    price: Decimal,
}

/// Gives a product another price.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/reprice", tag = "catalog", params(("sku" = String, Path)), responses((status = 200, body = Accepted)))]
async fn reprice(State(app): State<App>, Path(sku): Path<String>, posted: Posted<Reprice>) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Reprice { price: posted.body.price }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Categorise {
    category: String,
}

/// Puts a product into another category.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/categorise", tag = "catalog", params(("sku" = String, Path)), responses((status = 200, body = Accepted)))]
async fn categorise(
    State(app): State<App>,
    Path(sku): Path<String>,
    posted: Posted<Categorise>,
) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Categorise { category: posted.body.category }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Discontinue {
    reason: Option<String>,
}

/// Takes a product off sale.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/discontinue", tag = "catalog", params(("sku" = String, Path)), responses((status = 200, body = Accepted)))]
async fn discontinue(
    State(app): State<App>,
    Path(sku): Path<String>,
    posted: Posted<Discontinue>,
) -> Result<Answer, Problem> {
    change(app, sku, posted.request, product::Command::Discontinue { reason: posted.body.reason }).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reinstate {}

/// Puts a product on sale again.
#[utoipa::path(post, path = "/v1/catalog/products/{sku}/reinstate", tag = "catalog", params(("sku" = String, Path)), responses((status = 200, body = Accepted)))]
async fn reinstate(
    State(app): State<App>,
    Path(sku): Path<String>,
    posted: Posted<Reinstate>,
) -> Result<Answer, Problem> {
    let Reinstate {} = posted.body;
    change(app, sku, posted.request, product::Command::Reinstate).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Open {
    /// Unique, 1 to 64 characters.
    id: String,
    name: String,
    country: String,
    /// What it trades in: three capital letters, as in ISO 4217.
    currency: String,
    at: Option<DateTime<Utc>>,
}

/// Opens a store.
#[utoipa::path(post, path = "/v1/catalog/stores", tag = "catalog", responses((status = 201, body = Accepted)))]
async fn open(State(app): State<App>, posted: Posted<Open>) -> Result<Answer, Problem> {
    let at = posted.at(posted.body.at);
    let Open { id, name, country, currency, .. } = posted.body;
    let id = key("id", id)?;
    let command = store::Command::Open { name, country, currency, at };
    let receipt = app.store.execute(&posted.request, Target::<Store>::new(&*id), command).await.map_err(problem)?;
    Ok(Answer::created(path(["v1", "catalog", "stores", &id]), receipt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Close {
    at: Option<DateTime<Utc>>,
}

/// Closes a store for good.
#[utoipa::path(post, path = "/v1/catalog/stores/{id}/close", tag = "catalog", params(("id" = String, Path)), responses((status = 200, body = Accepted)))]
async fn close(State(app): State<App>, Path(id): Path<String>, posted: Posted<Close>) -> Result<Answer, Problem> {
    let command = store::Command::Close { at: posted.at(posted.body.at) };
    let receipt =
        app.store.execute(&posted.request, Target::<Store>::existing(&*id), command).await.map_err(problem)?;
    Ok(Answer::done(path(["v1", "catalog", "stores", &id]), receipt))
}
