//! What a dashboard shows, in one call.

use axum::extract::State;
use axum::response::Response;
use domain::values::Currency;
use platform::Problem;
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;
use utoipa::{IntoParams, ToSchema};

use super::PROJECTION;
use super::asked::Order;
use super::figures::Figures;
use super::find::{ALL, Row, Wanted};
use crate::App;
use crate::read::{Asked, failed};

/// What is shown, in what order, and how much of it.
const PARTS: &[(&str, Order, i64)] = &[
    (ALL, Order::Value, 1),
    ("day", Order::ValueDown, 31),
    ("week", Order::ValueDown, 13),
    ("month", Order::ValueDown, 13),
    ("channel", Order::NetDown, 10),
    ("country", Order::NetDown, 10),
    ("store", Order::NetDown, 10),
    ("category", Order::NetDown, 10),
    ("product", Order::NetDown, 10),
    ("customer", Order::NetDown, 10),
];

/// Figures in one currency, all true at the same position of the log.
#[derive(Default, Serialize, ToSchema)]
struct Dashboard {
    /// Over everything; none where nothing has happened in this currency.
    total: Option<Figures>,
    /// The last 31 with any figures, the latest first.
    days: Vec<Figures>,
    /// The last 13, the latest first.
    weeks: Vec<Figures>,
    /// The last 13, the latest first.
    months: Vec<Figures>,
    /// The ten with the highest net, and so on.
    channels: Vec<Figures>,
    countries: Vec<Figures>,
    stores: Vec<Figures>,
    categories: Vec<Figures>,
    products: Vec<Figures>,
    /// Lines without customer are one of them.
    customers: Vec<Figures>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Shown {
    /// Of which currency; `summary` tells which there are.
    currency: Currency,
}

/// The total, the last days, weeks and months, and the best of every other side, in one currency.
#[utoipa::path(get, path = "/v1/reporting/dashboard", tag = "reporting", params(Shown), responses((status = 200, body = Dashboard)))]
pub(super) async fn dashboard(State(app): State<App>, asked: Asked<Shown>) -> Result<Response, Problem> {
    let (Shown { currency }, mut ready) = asked.ready(&app, PROJECTION).await?;
    // One statement: its parts are of one moment.
    let mut query = QueryBuilder::new("");
    for (number, (dimension, order, limit)) in PARTS.iter().enumerate() {
        query.push(if number == 0 { "(" } else { ") union all (" });
        let wanted = Wanted { dimension, value: None, currency: Some(&currency), order: *order, limit: *limit };
        wanted.push(&mut query, None, *limit);
    }
    query.push(")");
    let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *ready.snapshot).await.map_err(failed)?;
    Ok(ready.answer(Dashboard::of(rows)))
}

impl Dashboard {
    fn of(rows: Vec<Row>) -> Self {
        let mut dashboard = Self::default();
        for row in rows {
            let part = match row.dimension.as_str() {
                "day" => &mut dashboard.days,
                "week" => &mut dashboard.weeks,
                "month" => &mut dashboard.months,
                "channel" => &mut dashboard.channels,
                "country" => &mut dashboard.countries,
                "store" => &mut dashboard.stores,
                "category" => &mut dashboard.categories,
                "product" => &mut dashboard.products,
                "customer" => &mut dashboard.customers,
                _ => {
                    dashboard.total = Some(row.into());
                    continue;
                }
            };
            part.push(row.into());
        }
        dashboard
    }
}
