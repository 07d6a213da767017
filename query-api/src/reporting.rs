//! Figures over all channels in each currency: what was sold, taken back, corrected and written off, from every side.

mod asked;
mod dashboard;
mod figures;
mod find;
#[cfg(test)]
mod plans;

use axum::extract::State;
use axum::response::Response;
use domain::values::{Currency, Name};
use platform::Problem;
use platform::extract::Path;
use platform::page::{self, Page};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::asked::{Dimension, Order};
use self::figures::Figures;
use self::find::Wanted;
use crate::App;
use crate::read::Asked;

const PROJECTION: &str = "reporting";
/// How the value of lines without customer, category, channel or country is written in a path, where an empty part is none.
const NONE: &str = "none";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(summary))
        .routes(routes!(dashboard::dashboard))
        .routes(routes!(by))
        .routes(routes!(one))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only figures in this currency.
    currency: Option<Currency>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

async fn in_each_currency(app: App, of: (&str, &str), asked: Asked<Which>) -> Result<Response, Problem> {
    let (Which { currency, limit, cursor }, mut ready) = asked.ready(&app, PROJECTION).await?;
    let wanted = Wanted {
        dimension: of.0,
        value: Some(of.1),
        currency: currency.as_deref(),
        order: Order::Value,
        limit: page::limit(limit)?,
    };
    let page = wanted.page(&mut ready, cursor.as_deref()).await?;
    Ok(ready.page(page))
}

/// Figures over everything: one item for each currency.
#[utoipa::path(get, path = "/v1/reporting/summary", tag = "reporting", params(Which), responses((status = 200, body = Page<Figures>)))]
async fn summary(State(app): State<App>, asked: Asked<Which>) -> Result<Response, Problem> {
    in_each_currency(app, (find::ALL, ""), asked).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Only figures in this currency. Any order but `value` and `-value` needs it: amounts in several currencies have none.
    currency: Option<Currency>,
    /// By what the list is ordered, `value` if not given; with `-` before it the largest come first.
    #[serde(default)]
    #[param(inline)]
    order: Order,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Figures by day, week (ISO 8601), month, country, store, channel, category, product or customer. A day is the store's. The best
/// products in pounds are `by/product?currency=GBP&order=-net`.
#[utoipa::path(get, path = "/v1/reporting/by/{dimension}", tag = "reporting", params(("dimension" = Dimension, Path), List), responses((status = 200, body = Page<Figures>)))]
async fn by(State(app): State<App>, Path(dimension): Path<Dimension>, asked: Asked<List>) -> Result<Response, Problem> {
    let (List { currency, order, limit, cursor }, mut ready) = asked.ready(&app, PROJECTION).await?;
    if order.is_of_amounts() && currency.is_none() {
        let detail = "amounts in several currencies have no order: say which currency, or order by value";
        return Err(Problem::malformed(detail).at("currency"));
    }
    let wanted = Wanted {
        dimension: dimension.name(),
        value: None,
        currency: currency.as_deref(),
        order,
        limit: page::limit(limit)?,
    };
    let page = wanted.page(&mut ready, cursor.as_deref()).await?;
    Ok(ready.page(page))
}

/// Figures of one day, week, month, country, store, channel, category, product or customer, one item for each currency. What has no
/// customer is at `customer/none`, and so for country, channel and category.
#[utoipa::path(get, path = "/v1/reporting/by/{dimension}/{value}", tag = "reporting", params(("dimension" = Dimension, Path), ("value" = Name, Path), Which), responses((status = 200, body = Page<Figures>)))]
async fn one(
    State(app): State<App>,
    Path((dimension, value)): Path<(Dimension, Name)>,
    asked: Asked<Which>,
) -> Result<Response, Problem> {
    let value = if *value == *NONE && dimension.may_be_none() { "" } else { &value };
    in_each_currency(app, (dimension.name(), value), asked).await
}
