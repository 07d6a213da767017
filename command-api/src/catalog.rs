//! Commands on products and stores.

use axum::extract::State;
use domain::catalog::{Product, Store, product, store};
use domain::values::{Currency, Key, Name, Price, TimeZone, Timestamp};
use event_store::Target;
use platform::Problem;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::answer::{Accepted, Answer, path, problem};
use crate::command::{Addressed, command};
use crate::posted::Posted;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add))
        .routes(command::<Product, Rename>("rename", "Gives a product another name.", |body, _| {
            product::Command::Rename { name: body.name.into() }
        }))
        .routes(command::<Product, Reprice>("reprice", "Gives a product another price.", |body, _| {
            product::Command::Reprice { price: body.price.into() }
        }))
        .routes(command::<Product, Categorise>("categorise", "Puts a product into another category.", |body, _| {
            product::Command::Categorise { category: body.category.into() }
        }))
        .routes(command::<Product, Discontinue>("discontinue", "Takes a product off sale.", |body, _| {
            product::Command::Discontinue { reason: body.reason.map(Into::into) }
        }))
        .routes(command::<Product, Reinstate>("reinstate", "Puts a product on sale again.", |Reinstate {}, _| {
            product::Command::Reinstate
        }))
        .routes(routes!(open))
        .routes(command::<Store, Close>("close", "Closes a store for good.", |body, asked| store::Command::Close {
            at: asked.at(body.at),
        }))
}

impl Addressed for Product {
    type Id = Key;
    const ROUTE: &'static str = "/v1/catalog/products/{sku}";

    fn found(sku: Key) -> (String, String) {
        let address = path(["v1", "catalog", "products", &sku]);
        (sku.into(), address)
    }
}

impl Addressed for Store {
    type Id = Key;
    const ROUTE: &'static str = "/v1/catalog/stores/{id}";

    fn found(id: Key) -> (String, String) {
        let address = path(["v1", "catalog", "stores", &id]);
        (id.into(), address)
    }
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rename {
    name: Name,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reprice {
    price: Price,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Categorise {
    category: Name,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Discontinue {
    reason: Option<Name>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reinstate {}

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
