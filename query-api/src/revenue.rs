//! What the business earned in each currency, from seven sides.

use axum::extract::State;
use axum::response::Response;
use domain::values::{Currency, Name};
use platform::Problem;
use platform::extract::Path;
use platform::page::{self, Page};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::read::{Asked, failed};

const PROJECTION: &str = "revenue";
const DIMENSIONS: &[&str] = &["day", "month", "country", "store", "product", "customer"];
/// How the value of lines without customer is written in a path, where an empty part is none.
const NOBODY: &str = "none";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(summary)).routes(routes!(by)).routes(routes!(one))
}

/// Sums in one currency: over everything, or over one day, month, country, store, product or customer.
#[derive(Serialize, ToSchema)]
struct Figures {
    dimension: String,
    /// The day, month, country …; empty for lines without customer.
    value: String,
    /// `XXX` for corrections of stock in a store that never opened.
    currency: String,
    lines: i64,
    sale_lines: i64,
    free_lines: i64,
    refund_lines: i64,
    adjustment_lines: i64,
    bad_debt_lines: i64,
    /// Free ones included.
    units_sold: i64,
    units_free: i64,
    units_cancelled: i64,
    units_adjusted: i64,
    #[schema(value_type = String)]
    gross: Decimal,
    /// All that was claimed back, refused lines included.
    #[schema(value_type = String)]
    cancelled: Decimal,
    #[schema(value_type = String)]
    bad_debt: Decimal,
    /// gross − cancelled + bad debt.
    #[schema(value_type = String)]
    net: Decimal,
    /// Documents with a sale or free line; not counted per product.
    sale_documents: Option<i64>,
    with_sale: Option<i64>,
    with_free: Option<i64>,
    refund_documents: Option<i64>,
    adjustment_documents: Option<i64>,
    bad_debt_documents: Option<i64>,
    /// Customers with a sale or free line.
    active_customers: Option<i64>,
    /// Those for whom it was the first in this currency.
    new_customers: Option<i64>,
    accepted_lines: i64,
    accepted_units: i64,
    #[schema(value_type = String)]
    accepted_amount: Decimal,
    refused_never_sold_lines: i64,
    refused_never_sold_units: i64,
    #[schema(value_type = String)]
    refused_never_sold_amount: Decimal,
    refused_exceeds_lines: i64,
    refused_exceeds_units: i64,
    #[schema(value_type = String)]
    refused_exceeds_amount: Decimal,
    unjudged_lines: i64,
    unjudged_units: i64,
    #[schema(value_type = String)]
    unjudged_amount: Decimal,
    /// Of a product: its last description that was not blank.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_description: Option<String>,
    /// Of a product: the price of its last sale or free line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    last_price: Option<Decimal>,
    /// Of a product: how often the price changed from one sale or free line to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_changes: Option<i64>,
}

/// The last one on a page: its rank, value and currency.
type Place = (Decimal, String, String);

/// Which figures, in what order, from where on.
struct Wanted<'a> {
    dimension: &'a str,
    value: Option<&'a str>,
    currency: Option<&'a str>,
    order: Order,
    after: Option<Place>,
    limit: i64,
}

async fn page(app: &App, wanted: Wanted<'_>) -> Result<Page<Figures>, Problem> {
    let limit = wanted.limit;
    let order = wanted.order.clone();
    let figures = find(app, wanted).await?;
    Ok(Page::of(figures, limit, |last| (order.rank(last), last.value.clone(), last.currency.clone())))
}

async fn find(app: &App, wanted: Wanted<'_>) -> Result<Vec<Figures>, Problem> {
    let (after, after_value, after_currency) = match wanted.after {
        Some((rank, value, currency)) => (Some(rank), Some(value), Some(currency)),
        None => (None, None, None),
    };
    let figures = sqlx::query_as!(
        Figures,
        r#"select f.dimension, f.value, f.currency, f.lines, f.sale_lines, f.free_lines, f.refund_lines, f.adjustment_lines,
                  f.bad_debt_lines, f.units_sold, f.units_free, f.units_cancelled, f.units_adjusted, f.gross, f.cancelled, f.bad_debt,
                  f.net as "net!", f.sale_documents, f.with_sale, f.with_free, f.refund_documents, f.adjustment_documents,
                  f.bad_debt_documents, f.active_customers, f.new_customers, f.accepted_lines, f.accepted_units, f.accepted_amount,
                  f.refused_never_sold_lines, f.refused_never_sold_units, f.refused_never_sold_amount, f.refused_exceeds_lines,
                  f.refused_exceeds_units, f.refused_exceeds_amount, f.unjudged_lines, f.unjudged_units, f.unjudged_amount,
                  p.last_description as "last_description?", p.last_price as "last_price?", p.price_changes as "price_changes?"
           from (select *, case $3 when 'gross' then gross when 'net' then net when 'units_sold' then units_sold
                                   when 'units_cancelled' then units_cancelled else 0 end * $4::integer as rank
                 from revenue.figures
                 where dimension = $1 and ($2::text is null or value = $2) and ($8::text is null or currency = $8)) f
           left join revenue.product p on f.dimension = 'product' and p.sku = f.value
           where $5::numeric is null or (rank, value, currency) > ($5, $6::text, $9::text)
           order by rank, value, currency limit $7"#,
        wanted.dimension,
        wanted.value,
        wanted.order.column,
        wanted.order.sign,
        after,
        after_value,
        wanted.limit + 1,
        wanted.currency,
        after_currency
    );
    figures.fetch_all(&app.pool).await.map_err(failed)
}

/// By what a list is ordered: ascending with sign 1, descending with -1.
#[derive(Clone)]
struct Order {
    column: String,
    sign: i32,
}

impl Order {
    fn of(text: Option<&str>) -> Result<Self, Problem> {
        let text = text.unwrap_or("value");
        let (column, sign) = text.strip_prefix('-').map_or((text, 1), |column| (column, -1));
        if !["value", "gross", "net", "units_sold", "units_cancelled"].contains(&column) || text == "-value" {
            let detail = "order is value, gross, net, units_sold or units_cancelled; with - before it (not before value) the largest come first";
            return Err(Problem::malformed(detail).at("order"));
        }
        Ok(Self { column: column.to_owned(), sign })
    }

    fn rank(&self, figures: &Figures) -> Decimal {
        let rank = match self.column.as_str() {
            "gross" => figures.gross,
            "net" => figures.net,
            "units_sold" => figures.units_sold.into(),
            "units_cancelled" => figures.units_cancelled.into(),
            _ => Decimal::ZERO,
        };
        rank * Decimal::from(self.sign)
    }
}

fn dimension(text: &str) -> Result<&str, Problem> {
    if DIMENSIONS.contains(&text) {
        Ok(text)
    } else {
        Err(Problem::not_found(format!("figures are kept by {}", DIMENSIONS.join(", "))))
    }
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

async fn in_each_currency(
    app: App,
    (dimension, value): (&str, &str),
    asked: Asked<Which>,
) -> Result<Response, Problem> {
    let (Which { currency, limit, cursor }, ready) = asked.ready(&app, PROJECTION).await?;
    let wanted = Wanted {
        dimension,
        value: Some(value),
        currency: currency.as_deref(),
        order: Order::of(None)?,
        after: page::decode(cursor.as_deref())?,
        limit: page::limit(limit)?,
    };
    Ok(ready.page(&page(&app, wanted).await?))
}

/// Sums over everything: one item for each currency.
#[utoipa::path(get, path = "/v1/revenue/summary", tag = "revenue", params(Which), responses((status = 200, body = Page<Figures>)))]
async fn summary(State(app): State<App>, asked: Asked<Which>) -> Result<Response, Problem> {
    in_each_currency(app, ("all", ""), asked).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct List {
    /// Only figures in this currency.
    currency: Option<Currency>,
    /// `value` (the default), `gross`, `net`, `units_sold` or `units_cancelled`; with `-` before it the largest come first.
    order: Option<String>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Sums by `day`, `month`, `country`, `store`, `product` or `customer`. The top products in pounds are
/// `by/product?currency=GBP&order=-net`.
#[utoipa::path(get, path = "/v1/revenue/by/{dimension}", tag = "revenue", params(("dimension" = String, Path), List), responses((status = 200, body = Page<Figures>)))]
async fn by(State(app): State<App>, Path(of): Path<String>, asked: Asked<List>) -> Result<Response, Problem> {
    let (List { currency, order, limit, cursor }, ready) = asked.ready(&app, PROJECTION).await?;
    let wanted = Wanted {
        dimension: dimension(&of)?,
        value: None,
        currency: currency.as_deref(),
        order: Order::of(order.as_deref())?,
        after: page::decode(cursor.as_deref())?,
        limit: page::limit(limit)?,
    };
    Ok(ready.page(&page(&app, wanted).await?))
}

/// Sums of one day, month, country, store, product or customer, one item for each currency. What had no customer is at
/// `customer/none`.
#[utoipa::path(get, path = "/v1/revenue/by/{dimension}/{value}", tag = "revenue", params(("dimension" = String, Path), ("value" = Name, Path), Which), responses((status = 200, body = Page<Figures>)))]
async fn one(
    State(app): State<App>,
    Path((of, value)): Path<(String, Name)>,
    asked: Asked<Which>,
) -> Result<Response, Problem> {
    let value = if of == "customer" && *value == *NOBODY { "" } else { &value };
    in_each_currency(app, (dimension(&of)?, value), asked).await
}
