//! Commands on sales, returns without receipt, and bad debt.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::sales::purchases::{self, Outcome};
use domain::sales::returns::{self, JudgedLine};
use domain::sales::{BadDebt, Error, Purchases, Return, Sale, Units, bad_debt, sale};
use domain::values::{Change, Currency, Key, Note, Price, Quantity, SignedPrice, Timestamp};
use event_store::{Draft, Receipt, Target};
use platform::extract::Path;
use platform::{Problem, clock};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::answer::{Accepted, Answer, path, problem};
use crate::posted::Posted;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(record))
        .routes(routes!(add_lines))
        .routes(routes!(complete))
        .routes(routes!(refund))
        .routes(routes!(record_return))
        .routes(routes!(add_return_lines))
        .routes(routes!(record_bad_debt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: Key,
    /// As it stands on the document.
    #[serde(default)]
    description: Note,
    quantity: Quantity,
    /// 0 for a free item.
    unit_price: Price,
}

impl From<Line> for domain::sales::Line {
    fn from(Line { sku, description, quantity, unit_price }: Line) -> Self {
        Self {
            sku: sku.into(),
            description: description.into(),
            quantity: quantity.into(),
            unit_price: unit_price.into(),
        }
    }
}

fn lines(lines: Vec<Line>) -> Vec<domain::sales::Line> {
    lines.into_iter().map(Into::into).collect()
}

fn units(lines: &[domain::sales::Line]) -> Vec<Units> {
    lines.iter().map(domain::sales::Line::units).collect()
}

fn at_sale(id: &str) -> String {
    path(["v1", "sales", id])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The invoice number; made by the server if not given.
    id: Option<Key>,
    store: Key,
    /// Who buys. Needed for a return without receipt to be accepted later.
    customer: Option<Key>,
    country: Key,
    currency: Currency,
    at: Option<Timestamp>,
    lines: Vec<Line>,
    /// Completes the sale at once.
    #[serde(default)]
    complete: bool,
}

/// Records a sale. What a customer buys is added to their purchases in the same commit.
#[utoipa::path(post, path = "/v1/sales", tag = "sales", request_body = Record, responses((status = 201, body = Accepted)))]
async fn record(State(app): State<App>, posted: Posted<Record>) -> Result<Answer, Problem> {
    let at = posted.at(posted.body.at);
    let Record { id, store, customer, country, currency, lines: given, complete, .. } = posted.body;
    let id = id.map_or_else(|| clock::new_id().to_string(), Into::into);
    let (store, country, currency) = (store.into_inner(), country.into_inner(), currency.into_inner());
    let customer = customer.map(Key::into_inner);
    let lines = lines(given);
    let bought = units(&lines);
    let buyer = customer.clone();
    let sold = |draft: &mut Draft<Sale>| {
        let (store, customer, country, currency) = (store.clone(), customer.clone(), country.clone(), currency.clone());
        draft.handle(sale::Command::Record { store, customer, country, currency, lines: lines.clone(), at })?;
        if complete {
            draft.handle(sale::Command::Complete { at })?;
        }
        Ok::<_, Error>(())
    };
    let target = Target::<Sale>::new(&*id);
    let receipt = match buyer {
        None => app.store.execute_with(&posted.request, target, sold).await,
        Some(buyer) => {
            let purchases = Target::<Purchases>::existing(buyer);
            let with_purchases = |draft: &mut Draft<Sale>, purchases: &mut Draft<Purchases>| {
                sold(draft)?;
                purchases.handle(purchases::Command::Buy { sale: id.clone(), units: bought.clone(), at }).map(|_| ())
            };
            app.store.execute_pair(&posted.request, target, purchases, with_purchases).await
        }
    };
    Ok(Answer::created(at_sale(&id), receipt.map_err(problem)?))
}

/// Runs a command on a sale, and on its customer's purchases if it has a customer. Who that is never changes once the sale is recorded.
async fn with_customer(
    app: &App,
    request: &event_store::Request,
    id: &str,
    command: sale::Command,
    on_purchases: purchases::Command,
) -> Result<Receipt, Problem> {
    let customer = app.store.read(Target::<Sale>::existing(id), |sale| sale.customer().map(str::to_owned)).await;
    let receipt = match customer.map_err(|error| problem::<Error>(error.into()))? {
        None => app.store.execute(request, Target::<Sale>::existing(id), command).await,
        Some(customer) => {
            let purchases = Target::<Purchases>::existing(customer);
            let both = |sale: &mut Draft<Sale>, purchases: &mut Draft<Purchases>| {
                sale.handle(command.clone())?;
                purchases.handle(on_purchases.clone()).map(|_| ())
            };
            app.store.execute_pair(request, Target::<Sale>::existing(id), purchases, both).await
        }
    };
    receipt.map_err(problem)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AddLines {
    lines: Vec<Line>,
    at: Option<Timestamp>,
}

/// Adds lines to a sale that is not complete.
#[utoipa::path(post, path = "/v1/sales/{id}/add-lines", tag = "sales", params(("id" = Key, Path)), request_body = AddLines, responses((status = 200, body = Accepted)))]
async fn add_lines(State(app): State<App>, Path(id): Path<Key>, posted: Posted<AddLines>) -> Result<Answer, Problem> {
    let id = id.into_inner();
    let at = posted.at(posted.body.at);
    let lines = lines(posted.body.lines);
    let buy = purchases::Command::Buy { sale: id.clone(), units: units(&lines), at };
    let receipt = with_customer(&app, &posted.request, &id, sale::Command::AddLines { lines, at }, buy).await?;
    Ok(Answer::done(at_sale(&id), receipt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Complete {
    at: Option<Timestamp>,
}

/// Completes a sale: nothing is added from then on, and lines can be refunded.
#[utoipa::path(post, path = "/v1/sales/{id}/complete", tag = "sales", params(("id" = Key, Path)), request_body = Complete, responses((status = 200, body = Accepted)))]
async fn complete(State(app): State<App>, Path(id): Path<Key>, posted: Posted<Complete>) -> Result<Answer, Problem> {
    let id = id.into_inner();
    let command = sale::Command::Complete { at: posted.at(posted.body.at) };
    let receipt = app.store.execute(&posted.request, Target::<Sale>::existing(&*id), command).await.map_err(problem)?;
    Ok(Answer::done(at_sale(&id), receipt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRefund {
    /// The refund's number, unique in the sale; made by the server if not given.
    refund: Option<Key>,
    lines: Vec<RefundLine>,
    at: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefundLine {
    sku: Key,
    quantity: Quantity,
    reason: Option<Note>,
}

impl From<RefundLine> for sale::RefundLine {
    fn from(RefundLine { sku, quantity, reason }: RefundLine) -> Self {
        Self { sku: sku.into(), quantity: quantity.into(), reason: reason.map(Into::into) }
    }
}

/// Takes units back by receipt. Never more than were sold and not yet refunded, nor than the customer still has.
#[utoipa::path(post, path = "/v1/sales/{id}/refund", tag = "sales", params(("id" = Key, Path)), request_body = NewRefund, responses((status = 200, body = Accepted)))]
async fn refund(State(app): State<App>, Path(id): Path<Key>, posted: Posted<NewRefund>) -> Result<Answer, Problem> {
    let id = id.into_inner();
    let at = posted.at(posted.body.at);
    let NewRefund { refund, lines, .. } = posted.body;
    let refund = refund.map_or_else(|| clock::new_id().to_string(), Into::into);
    let lines: Vec<_> = lines.into_iter().map(sale::RefundLine::from).collect();
    let returned = lines.iter().map(|line| Units { sku: line.sku.clone(), quantity: line.quantity }).collect();
    let give_back = purchases::Command::Return { document: id.clone(), units: returned, at };
    let receipt =
        with_customer(&app, &posted.request, &id, sale::Command::Refund { refund, lines, at }, give_back).await?;
    Ok(Answer::done(at_sale(&id), receipt))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecordReturn {
    /// The document's number; made by the server if not given.
    id: Option<Key>,
    store: Key,
    customer: Option<Key>,
    country: Key,
    currency: Currency,
    at: Option<Timestamp>,
    lines: Vec<Line>,
}

/// Judges lines on the customer's purchases, takes what is accepted off them, and says what became of each.
fn judge(
    purchases: &mut Draft<Purchases>,
    document: &str,
    lines: &[domain::sales::Line],
    at: DateTime<Utc>,
) -> Result<Vec<JudgedLine>, Error> {
    let outcomes = purchases.state().judge(lines.iter().map(|line| (line.sku.as_str(), line.quantity)));
    let accepted =
        lines.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Outcome::Accepted).map(|(line, _)| line.units());
    purchases.handle(purchases::Command::Return { document: document.to_owned(), units: accepted.collect(), at })?;
    Ok(lines.iter().cloned().zip(outcomes).map(|(line, outcome)| JudgedLine::new(line, outcome)).collect())
}

fn unjudged(lines: Vec<domain::sales::Line>) -> Vec<JudgedLine> {
    lines.into_iter().map(|line| JudgedLine::new(line, Outcome::Unjudged)).collect()
}

fn at_return(id: &str) -> String {
    path(["v1", "sales", "returns", id])
}

/// Records a return without receipt. Each line is accepted if the customer bought that many and has not returned them, over all sales;
/// refused lines are recorded as such, and those of an unknown customer as not judged. `GET` it to see what became of each.
#[utoipa::path(post, path = "/v1/sales/returns", tag = "sales", request_body = RecordReturn, responses((status = 201, body = Accepted)))]
async fn record_return(State(app): State<App>, posted: Posted<RecordReturn>) -> Result<Answer, Problem> {
    let at = posted.at(posted.body.at);
    let RecordReturn { id, store, customer, country, currency, lines: given, .. } = posted.body;
    let id = id.map_or_else(|| clock::new_id().to_string(), Into::into);
    let (store, country, currency) = (store.into_inner(), country.into_inner(), currency.into_inner());
    let customer = customer.map(Key::into_inner);
    let lines = lines(given);
    let record = |lines| returns::Command::Record {
        customer: customer.clone(),
        store: store.clone(),
        country: country.clone(),
        currency: currency.clone(),
        lines,
        at,
    };
    let target = Target::<Return>::new(&*id);
    let receipt = match &customer {
        None => app.store.execute(&posted.request, target, record(unjudged(lines))).await,
        Some(customer) => {
            let both = |document: &mut Draft<Return>, purchases: &mut Draft<Purchases>| {
                let judged = judge(purchases, &id, &lines, at)?;
                document.handle(record(judged)).map(|_| ())
            };
            app.store.execute_pair(&posted.request, target, Target::<Purchases>::existing(customer), both).await
        }
    };
    Ok(Answer::created(at_return(&id), receipt.map_err(problem)?))
}

/// Adds lines to a return without receipt.
#[utoipa::path(post, path = "/v1/sales/returns/{id}/add-lines", tag = "sales", params(("id" = Key, Path)), request_body = AddLines, responses((status = 200, body = Accepted)))]
async fn add_return_lines(
    State(app): State<App>,
    Path(id): Path<Key>,
    posted: Posted<AddLines>,
) -> Result<Answer, Problem> {
    let id = id.into_inner();
    let at = posted.at(posted.body.at);
    let lines = lines(posted.body.lines);
    let target = Target::<Return>::existing(&*id);
    let customer =
        app.store.read(Target::<Return>::existing(&*id), |document| document.customer().map(str::to_owned)).await;
    let receipt = match customer.map_err(|error| problem::<Error>(error.into()))? {
        None => {
            app.store.execute(&posted.request, target, returns::Command::AddLines { lines: unjudged(lines), at }).await
        }
        Some(customer) => {
            let both = |document: &mut Draft<Return>, purchases: &mut Draft<Purchases>| {
                let judged = judge(purchases, &id, &lines, at)?;
                document.handle(returns::Command::AddLines { lines: judged, at }).map(|_| ())
            };
            app.store.execute_pair(&posted.request, target, Target::<Purchases>::existing(customer), both).await
        }
    };
    Ok(Answer::done(at_return(&id), receipt.map_err(problem)?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RecordBadDebt {
    /// The document's number; made by the server if not given.
    id: Option<Key>,
    store: Key,
    customer: Option<Key>,
    country: Key,
    currency: Currency,
    at: Option<Timestamp>,
    lines: Vec<BadDebtLine>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BadDebtLine {
    /// Which account.
    sku: Key,
    /// As it stands on the document.
    #[serde(default)]
    description: Note,
    quantity: Change,
    unit_price: SignedPrice,
}

/// Records a correction of what is owed. Quantities and prices may have any sign.
#[utoipa::path(post, path = "/v1/sales/bad-debts", tag = "sales", request_body = RecordBadDebt, responses((status = 201, body = Accepted)))]
async fn record_bad_debt(State(app): State<App>, posted: Posted<RecordBadDebt>) -> Result<Answer, Problem> {
    let at = posted.at(posted.body.at);
    let RecordBadDebt { id, store, customer, country, currency, lines, .. } = posted.body;
    let id = id.map_or_else(|| clock::new_id().to_string(), Into::into);
    let lines = lines
        .into_iter()
        .map(|BadDebtLine { sku, description, quantity, unit_price }| bad_debt::BadDebtLine {
            sku: sku.into(),
            description: description.into(),
            quantity: quantity.into(),
            unit_price: unit_price.into(),
        })
        .collect();
    let command = bad_debt::Command::Record {
        store: store.into(),
        customer: customer.map(Into::into),
        country: country.into(),
        currency: currency.into(),
        lines,
        at,
    };
    let receipt = app.store.execute(&posted.request, Target::<BadDebt>::new(&*id), command).await.map_err(problem)?;
    Ok(Answer::created(path(["v1", "sales", "bad-debts", &id]), receipt))
}
