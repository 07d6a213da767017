//! What came back: by receipt, or without one.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::values::Key;
use platform::Problem;
use platform::extract::Path;
use platform::page::{self, Page};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::PROJECTION;
use crate::App;
use crate::read::{Asked, Document, Nothing, Ready, failed, one_of};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(refunds)).routes(routes!(return_document))
}

/// A line that came back.
#[derive(Serialize, ToSchema)]
pub(super) struct RefundLine {
    /// The event that brought it, and the line's place in it.
    position: i64,
    line: i32,
    /// The return's number, or the refund's within its sale.
    document: String,
    line_no: i64,
    /// The sale, where there was a receipt.
    sale: Option<String>,
    customer: Option<String>,
    store: String,
    country: String,
    currency: String,
    sku: String,
    description: Option<String>,
    quantity: i64,
    #[schema(value_type = Option<String>)]
    unit_price: Option<Decimal>,
    #[schema(value_type = String)]
    amount: Decimal,
    /// `accepted`, `refused` or `unjudged` (nobody knows the customer).
    outcome: String,
    /// Why it was refused: `never_sold`, `exceeds` (units) or `exceeds_paid` (money).
    reason: Option<String>,
    /// How many units the customer could have returned.
    balance: Option<i64>,
    /// What the customer gave as a reason, by receipt.
    remark: Option<String>,
    at: DateTime<Utc>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// `accepted`, `refused` or `unjudged`.
    outcome: Option<String>,
    /// `never_sold`, `exceeds` (units) or `exceeds_paid` (money).
    reason: Option<String>,
    store: Option<Key>,
    customer: Option<Key>,
    sku: Option<Key>,
    /// The return's number, or the refund's within its sale.
    document: Option<Key>,
    /// Only lines that came back by receipt (`true`), or without one.
    receipt: Option<bool>,
    /// Items on the page, 50 if not given, at most 500.
    limit: Option<i64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lines that came back, refused ones included, in the order of the log.
#[utoipa::path(get, path = "/v1/sales/refunds", tag = "sales", params(Filter), responses((status = 200, body = Page<RefundLine>)))]
async fn refunds(State(app): State<App>, asked: Asked<Filter>) -> Result<Response, Problem> {
    let (filter, mut ready) = asked.ready(&app, PROJECTION).await?;
    let Filter { outcome, reason, store, customer, sku, document, receipt, limit, cursor } = filter;
    let limit = page::limit(limit)?;
    one_of("outcome", outcome.as_deref(), &["accepted", "refused", "unjudged"])?;
    one_of("reason", reason.as_deref(), &["never_sold", "exceeds", "exceeds_paid"])?;
    let (after, after_line) = page::decode::<(i64, i32)>(cursor.as_deref())?.unzip();
    let lines = sqlx::query_as!(
        RefundLine,
        "select position, line, document, line_no, sale, customer, store, country, currency, sku, description, quantity, unit_price,
                amount, outcome, reason, balance, remark, at
         from sales.refund_line
         where ($1::text is null or outcome = $1) and ($2::text is null or reason = $2) and ($3::text is null or customer = $3)
           and ($4::text is null or sku = $4) and ($5::text is null or document = $5)
           and ($6::boolean is null or (sale is not null) = $6) and ($7::bigint is null or (position, line) > ($7, $8::integer))
           and ($10::text is null or store = $10)
         order by position, line limit $9",
        outcome,
        reason,
        customer.as_deref(),
        sku.as_deref(),
        document.as_deref(),
        receipt,
        after,
        after_line,
        limit + 1,
        store.as_deref()
    );
    let lines = lines.fetch_all(&mut *ready.snapshot).await.map_err(failed)?;
    Ok(ready.page(Page::of(lines, limit, |last| (last.position, last.line))))
}

/// The lines that came back of one sale, by receipt.
pub(super) async fn of_sale(ready: &mut Ready, sale: &str) -> Result<Vec<RefundLine>, Problem> {
    let lines = sqlx::query_as!(
        RefundLine,
        "select position, line, document, line_no, sale, customer, store, country, currency, sku, description, quantity, unit_price,
                amount, outcome, reason, balance, remark, at
         from sales.refund_line where sale = $1 order by position, line",
        sale
    );
    lines.fetch_all(&mut *ready.snapshot).await.map_err(failed)
}

/// A return without receipt.
#[derive(Serialize, ToSchema)]
struct ReturnDocument {
    id: String,
    customer: Option<String>,
    store: String,
    country: String,
    currency: String,
    at: DateTime<Utc>,
    lines: i64,
    units: i64,
    /// Of all lines, whatever became of them.
    #[schema(value_type = String)]
    amount: Decimal,
    accepted_lines: i64,
    refused_lines: i64,
    unjudged_lines: i64,
    #[schema(value_type = String)]
    accepted_amount: Decimal,
    /// For `If-Match` of the next command on this return.
    sequence: i64,
}

/// A return without receipt, with what became of each of its lines.
#[derive(Serialize, ToSchema)]
struct WholeReturn {
    #[serde(flatten)]
    document: ReturnDocument,
    items: Vec<RefundLine>,
}

impl Document for WholeReturn {
    fn sequence(&self) -> i64 {
        self.document.sequence
    }
}

/// One return without receipt, with what became of each line.
#[utoipa::path(get, path = "/v1/sales/returns/{id}", tag = "sales", params(("id" = Key, Path)), responses((status = 200, body = WholeReturn)))]
async fn return_document(
    State(app): State<App>,
    Path(id): Path<Key>,
    asked: Asked<Nothing>,
) -> Result<Response, Problem> {
    let (Nothing {}, mut ready) = asked.ready(&app, PROJECTION).await?;
    let document = sqlx::query_as!(
        ReturnDocument,
        "select id, customer, store, country, currency, at, lines, units, amount, accepted_lines, refused_lines, unjudged_lines,
                accepted_amount, sequence
         from sales.return_document where id = $1",
        &*id
    );
    let Some(document) = document.fetch_optional(&mut *ready.snapshot).await.map_err(failed)? else {
        return ready.found(None::<WholeReturn>, "return");
    };
    let items = sqlx::query_as!(
        RefundLine,
        "select position, line, document, line_no, sale, customer, store, country, currency, sku, description, quantity, unit_price,
                amount, outcome, reason, balance, remark, at
         from sales.refund_line where document = $1 and sale is null order by position, line",
        &*id
    );
    let items = items.fetch_all(&mut *ready.snapshot).await.map_err(failed)?;
    ready.found(Some(WholeReturn { document, items }), "return")
}
