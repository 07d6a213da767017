//! Sales, and what came back of them.

mod refunds;

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, Utc};
use domain::values::{Key, Timestamp};
use platform::Problem;
use platform::extract::Path;
use platform::page::{self, Page};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::refunds::{RefundLine, of_sale};
use crate::App;
use crate::read::{Asked, Document, Nothing, Ready, failed, one_of};

const PROJECTION: &str = "sales";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sales)).routes(routes!(sale)).merge(refunds::routes())
}

/// A sale.
#[derive(Serialize, ToSchema)]
struct Sale {
    id: String,
    store: String,
    customer: Option<String>,
    country: String,
    currency: String,
    /// `active`, `completed`, `partially_refunded` or `refunded`.
    status: String,
    at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    lines: i64,
    units: i64,
    #[schema(value_type = String)]
    gross: Decimal,
    #[schema(value_type = String)]
    refunded: Decimal,
    refunded_units: i64,
    /// Units that came back without receipt and are taken to be of this sale.
    returned_units: i64,
    /// For `If-Match` of the next command on this sale.
    sequence: i64,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    customer: Option<Key>,
    store: Option<Key>,
    country: Option<Key>,
    /// `active`, `completed`, `partially_refunded` or `refunded`.
    status: Option<String>,
    /// At or after this time (RFC 3339) or day (`2010-12-01`).
    from: Option<String>,
    /// Before this time, or before the end of this day.
    to: Option<String>,
    /// `at` (the default, oldest first), `-gross` (largest first) or `-lines` (longest first).
    order: Option<String>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Sales in the order of time, or the largest or longest first.
#[utoipa::path(get, path = "/v1/sales", tag = "sales", params(Filter), responses((status = 200, body = Page<Sale>)))]
async fn sales(State(app): State<App>, asked: Asked<Filter>) -> Result<Response, Problem> {
    let (filter, mut ready) = asked.ready(&app, PROJECTION).await?;
    one_of("status", filter.status.as_deref(), &["active", "completed", "partially_refunded", "refunded"])?;
    let limit = page::limit(filter.limit)?;
    let from = filter.from.as_deref().map(|from| time("from", from, false)).transpose()?;
    let to = filter.to.as_deref().map(|to| time("to", to, true)).transpose()?;
    let after = page::decode::<(Decimal, String)>(filter.cursor.as_deref())?;
    // One number orders all three ways: the time in microseconds, or what is to be largest, from above.
    let key: fn(&Sale) -> Decimal = match filter.order.as_deref().unwrap_or("at") {
        "at" => |sale| Decimal::from(sale.at.timestamp_micros()),
        "-gross" => |sale| -sale.gross,
        "-lines" => |sale| -Decimal::from(sale.lines),
        _ => return Err(Problem::malformed("order is at, -gross or -lines").at("order")),
    };
    let order = filter.order.clone().unwrap_or_else(|| "at".to_owned());
    let Filter { customer, store, country, status, .. } = filter;
    let which = Which { customer, store, country, status, from, to };
    let page = find(&mut ready, Found { filter: which, order, after, limit }).await?;
    Ok(ready.page(Page::of(page, limit, |last| (key(last), last.id.clone()))))
}

/// Which sales.
struct Which {
    customer: Option<Key>,
    store: Option<Key>,
    country: Option<Key>,
    status: Option<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

struct Found {
    filter: Which,
    order: String,
    after: Option<(Decimal, String)>,
    limit: i64,
}

async fn find(ready: &mut Ready, wanted: Found) -> Result<Vec<Sale>, Problem> {
    let (after, after_id) = wanted.after.unzip();
    if wanted.order != "at" {
        return largest(ready, wanted.filter, wanted.order, (after, after_id), wanted.limit).await;
    }
    let Which { customer, store, country, status, from, to } = wanted.filter;
    let after = after.and_then(|micros| i64::try_from(micros).ok()).and_then(DateTime::from_timestamp_micros);
    let sales = sqlx::query_as!(
        Sale,
        "select id, store, customer, country, currency, status, at, completed_at, lines, units, gross, refunded, refunded_units, returned_units, sequence
         from sales.sale
         where ($1::text is null or customer = $1) and ($2::text is null or store = $2) and ($3::text is null or country = $3)
           and ($4::text is null or status = $4) and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)
           and ($7::timestamptz is null or (at, id) > ($7, $8::text))
         order by at, id limit $9",
        customer.as_deref(),
        store.as_deref(),
        country.as_deref(),
        status,
        from,
        to,
        after,
        after_id,
        wanted.limit + 1
    );
    sales.fetch_all(&mut *ready.snapshot).await.map_err(failed)
}

async fn largest(
    ready: &mut Ready,
    filter: Which,
    order: String,
    (after, after_id): (Option<Decimal>, Option<String>),
    limit: i64,
) -> Result<Vec<Sale>, Problem> {
    let Which { customer, store, country, status, from, to } = filter;
    let sales = sqlx::query_as!(
        Sale,
        "select id, store, customer, country, currency, status, at, completed_at, lines, units, gross, refunded, refunded_units, returned_units, sequence
         from (select s.*, case $7 when '-gross' then -gross else -lines end as rank from sales.sale s) s
         where ($1::text is null or customer = $1) and ($2::text is null or store = $2) and ($3::text is null or country = $3)
           and ($4::text is null or status = $4) and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)
           and ($8::numeric is null or (rank, id) > ($8, $9::text))
         order by rank, id limit $10",
        customer.as_deref(),
        store.as_deref(),
        country.as_deref(),
        status,
        from,
        to,
        order,
        after,
        after_id,
        limit + 1
    );
    sales.fetch_all(&mut *ready.snapshot).await.map_err(failed)
}

/// A time, or a day: its beginning, or its end.
fn time(parameter: &'static str, text: &str, end: bool) -> Result<DateTime<Utc>, Problem> {
    if let Ok(time) = Timestamp::try_from(text.to_owned()) {
        return Ok(time.into());
    }
    let day: Option<NaiveDate> = text.parse().ok().filter(|day: &NaiveDate| (1..=9999).contains(&day.year()));
    let day = if end { day.and_then(|day| day.succ_opt()) } else { day };
    day.map(|day| day.and_time(NaiveTime::MIN).and_utc()).ok_or_else(|| {
        Problem::malformed(format!("{parameter} is a time (RFC 3339) or a day (2010-12-01)")).at(parameter)
    })
}

/// A line of a sale.
#[derive(Serialize, ToSchema)]
struct SoldLine {
    line_no: i64,
    sku: String,
    description: String,
    quantity: i64,
    #[schema(value_type = String)]
    unit_price: Decimal,
    #[schema(value_type = String)]
    amount: Decimal,
    at: DateTime<Utc>,
}

/// A sale with all its lines, and the lines that came back by receipt.
#[derive(Serialize, ToSchema)]
struct WholeSale {
    #[serde(flatten)]
    sale: Sale,
    items: Vec<SoldLine>,
    refunds: Vec<RefundLine>,
}

impl Document for WholeSale {
    fn sequence(&self) -> i64 {
        self.sale.sequence
    }
}

/// One sale with its lines and refunds.
#[utoipa::path(get, path = "/v1/sales/{id}", tag = "sales", params(("id" = Key, Path)), responses((status = 200, body = WholeSale)))]
async fn sale(State(app): State<App>, Path(id): Path<Key>, asked: Asked<Nothing>) -> Result<Response, Problem> {
    let (Nothing {}, mut ready) = asked.ready(&app, PROJECTION).await?;
    let sale = sqlx::query_as!(
        Sale,
        "select id, store, customer, country, currency, status, at, completed_at, lines, units, gross, refunded, refunded_units, returned_units, sequence
         from sales.sale where id = $1",
        &*id
    );
    let Some(sale) = sale.fetch_optional(&mut *ready.snapshot).await.map_err(failed)? else {
        return ready.found(None::<WholeSale>, "sale");
    };
    let items = sqlx::query_as!(
        SoldLine,
        "select line_no, sku, description, quantity, unit_price, amount, at from sales.sale_line where sale = $1 order by line_no",
        &*id
    );
    let items = items.fetch_all(&mut *ready.snapshot).await.map_err(failed)?;
    let refunds = of_sale(&mut ready, &id).await?;
    ready.found(Some(WholeSale { sale, items, refunds }), "sale")
}
