//! Commands on sales, returns without receipt, and bad debt.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::Decimal;
use domain::sales::purchases::{self, Outcome};
use domain::sales::returns::{self, JudgedLine};
use domain::sales::{BadDebt, Error, Purchases, Return, Sale, Units, bad_debt, sale};
use domain::values::{Change, Currency, Key, Note, Price, Quantity, SignedPrice, Timestamp};
use event_store::{Draft, LogError, Receipt, Target};
use platform::extract::Path;
use platform::{Problem, clock};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::answer::{Accepted, Answer, Told, path, problem};
use crate::posted::Posted;
use crate::stores::Standing;

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
    let standing = stands(&app, &store).await?;
    let sold = |draft: &mut Draft<Sale>| {
        standing.sells(&currency)?;
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
                let (sale, currency, units) = (id.clone(), currency.clone(), bought.clone());
                purchases.handle(purchases::Command::Buy { sale, currency, units, at }).map(|_| ())
            };
            app.store.execute_pair(&posted.request, target, purchases, with_purchases).await
        }
    };
    let receipt = receipt.map_err(problem)?;
    Ok(Answer::created(at_sale(&receipt.aggregate_id), receipt))
}

fn unread(error: LogError) -> Problem {
    problem::<Error>(error.into())
}

/// How a store stands in the catalog.
async fn stands(app: &App, store: &str) -> Result<Standing, Problem> {
    app.stores.standing(store).await.map_err(unread)
}

/// What a sale was recorded with. That never changes.
struct Recorded {
    store: String,
    customer: Option<String>,
    currency: String,
}

/// `None` for a sale that does not exist: the decision says so.
async fn recorded(app: &App, id: &str) -> Result<Option<Recorded>, Problem> {
    let sale = app.store.read(Target::<Sale>::existing(id), |sale| {
        sale.receipt().map(|receipt| Recorded {
            store: receipt.store().to_owned(),
            customer: receipt.customer().map(str::to_owned),
            currency: receipt.currency().to_owned(),
        })
    });
    sale.await.map_err(unread)
}

/// Decides on a sale, and on its customer's purchases if it has a customer.
async fn with_customer(
    app: &App,
    request: &event_store::Request,
    id: &str,
    customer: Option<&str>,
    mut decide: impl FnMut(&mut Draft<Sale>, Option<&mut Draft<Purchases>>) -> Result<(), Error>,
) -> Result<Receipt, Problem> {
    let sale = Target::<Sale>::existing(id);
    let receipt = match customer {
        None => app.store.execute_with(request, sale, |sale| decide(sale, None)).await,
        Some(customer) => {
            let purchases = Target::<Purchases>::existing(customer);
            app.store.execute_pair(request, sale, purchases, |sale, purchases| decide(sale, Some(purchases))).await
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
    let sold = recorded(&app, &id).await?;
    let standing = match &sold {
        Some(sold) => Some((stands(&app, &sold.store).await?, sold)),
        None => None,
    };
    let customer = sold.as_ref().and_then(|sold| sold.customer.as_deref());
    let receipt = with_customer(&app, &posted.request, &id, customer, |sale, purchases| {
        if let Some((standing, sold)) = &standing {
            standing.sells(&sold.currency)?;
        }
        sale.handle(sale::Command::AddLines { lines: lines.clone(), at })?;
        let (Some(purchases), Some(sold)) = (purchases, &sold) else { return Ok(()) };
        let (sale, currency, units) = (id.clone(), sold.currency.clone(), units(&lines));
        purchases.handle(purchases::Command::Buy { sale, currency, units, at }).map(|_| ())
    });
    let receipt = receipt.await?;
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
    /// Of what. Not needed with the number of a line.
    sku: Option<Key>,
    /// Which line of the sale, as it shows them. Needed where the product was sold at several prices in this sale, unless all of it comes
    /// back.
    line_no: Option<i64>,
    quantity: Quantity,
    reason: Option<Note>,
}

impl From<RefundLine> for sale::RefundLine {
    fn from(RefundLine { sku, line_no, quantity, reason }: RefundLine) -> Self {
        Self { sku: sku.map(Into::into), line_no, quantity: quantity.into(), reason: reason.map(Into::into) }
    }
}

/// A refund that was made.
#[derive(Serialize, ToSchema)]
struct Refunded {
    /// The refund's number.
    refund: String,
    /// What is given back for all lines together.
    #[schema(value_type = String)]
    amount: Decimal,
    currency: String,
    lines: Vec<RefundedLine>,
}

/// What is given back for a line of a refund.
#[derive(Serialize, ToSchema)]
struct RefundedLine {
    sku: String,
    /// Which line of the sale, if it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    line_no: Option<i64>,
    quantity: i64,
    #[schema(value_type = String)]
    amount: Decimal,
}

impl Refunded {
    fn of(event: &sale::Event, currency: &str) -> Option<Self> {
        let sale::Event::Refunded { refund, lines, .. } = event else { return None };
        let line = |line: &sale::RefundedLine| RefundedLine {
            sku: line.sku.clone(),
            line_no: line.line_no,
            quantity: line.quantity,
            amount: line.amount,
        };
        let amount = lines.iter().map(|line| line.amount).sum();
        let (refund, currency) = (refund.clone(), currency.to_owned());
        Some(Self { refund, amount, currency, lines: lines.iter().map(line).collect() })
    }
}

fn refunded_units(event: &sale::Event) -> Vec<Units> {
    let sale::Event::Refunded { lines, .. } = event else { return Vec::new() };
    let units =
        lines.iter().map(|line| Units { sku: line.sku.clone(), quantity: line.quantity, amount: Some(line.amount) });
    units.collect()
}

/// Takes units back by receipt. Never more than were sold and not yet refunded, nor than the customer still has. The answer tells what is
/// given back.
#[utoipa::path(post, path = "/v1/sales/{id}/refund", tag = "sales", params(("id" = Key, Path)), request_body = NewRefund, responses((status = 200, body = Told<Refunded>)))]
async fn refund(
    State(app): State<App>,
    Path(id): Path<Key>,
    posted: Posted<NewRefund>,
) -> Result<Answer<Refunded>, Problem> {
    let id = id.into_inner();
    let at = posted.at(posted.body.at);
    let NewRefund { refund, lines, .. } = posted.body;
    let refund = refund.map_or_else(|| clock::new_id().to_string(), Into::into);
    let lines: Vec<_> = lines.into_iter().map(sale::RefundLine::from).collect();
    let sold = recorded(&app, &id).await?;
    let customer = sold.as_ref().and_then(|sold| sold.customer.as_deref());
    let currency = sold.as_ref().map(|sold| sold.currency.clone()).unwrap_or_default();
    let mut made = None;
    let receipt = with_customer(&app, &posted.request, &id, customer, |sale, purchases| {
        let (refund, lines) = (refund.clone(), lines.clone());
        let event = sale.handle(sale::Command::Refund { refund, lines, at })?.last();
        let units = event.map(refunded_units).unwrap_or_default();
        made = event.cloned();
        let Some(purchases) = purchases else { return Ok(()) };
        let (document, currency) = (id.clone(), currency.clone());
        let give_back = purchases::Command::Return { document, receipt: true, currency, units, at };
        purchases.handle(give_back).map(|_| ())
    });
    let receipt = receipt.await?;
    let event = app.store.decided::<Sale>(&receipt, made).await.map_err(unread)?;
    let told = event.and_then(|event| Refunded::of(&event, &currency));
    Ok(Answer::done(at_sale(&id), receipt).telling(told))
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

/// What became of a return's lines.
#[derive(Serialize, ToSchema)]
struct Judged {
    /// What is given back for the accepted lines together.
    #[schema(value_type = String)]
    accepted_amount: Decimal,
    currency: String,
    /// In the order of the command.
    lines: Vec<JudgedLineAnswer>,
}

/// What became of a line of a return.
#[derive(Serialize, ToSchema)]
struct JudgedLineAnswer {
    sku: String,
    quantity: i64,
    #[schema(value_type = String)]
    amount: Decimal,
    /// `accepted`, `refused` or `unjudged` (nobody knows the customer).
    outcome: &'static str,
    /// Why it was refused: `never_sold`, `exceeds` or `exceeds_paid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// How many units the customer could have returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<i64>,
    /// How much money could have been given back, where more was claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    paid: Option<Decimal>,
}

impl From<&JudgedLine> for JudgedLineAnswer {
    fn from(line: &JudgedLine) -> Self {
        let (reason, balance, paid) = match line.outcome {
            Outcome::Refused { reason, balance, paid } => (Some(reason.name()), Some(balance), paid),
            Outcome::Accepted | Outcome::Unjudged => (None, None, None),
        };
        let (outcome, amount) = (line.outcome.name(), line.amount());
        Self { sku: line.sku.clone(), quantity: line.quantity, amount, outcome, reason, balance, paid }
    }
}

impl Judged {
    fn of(event: &returns::Event, currency: &str) -> Self {
        let (returns::Event::Recorded { lines, .. } | returns::Event::LinesAdded { lines, .. }) = event;
        let accepted = lines.iter().filter(|line| line.outcome == Outcome::Accepted);
        Self {
            accepted_amount: accepted.map(JudgedLine::amount).sum(),
            currency: currency.to_owned(),
            lines: lines.iter().map(JudgedLineAnswer::from).collect(),
        }
    }
}

/// Judges lines on the customer's purchases, takes what is accepted off them, and says what became of each. Without a customer, nobody
/// can judge.
fn judge(
    purchases: Option<&mut Draft<Purchases>>,
    (document, currency): (&str, &str),
    lines: &[domain::sales::Line],
    at: DateTime<Utc>,
) -> Result<Vec<JudgedLine>, Error> {
    let Some(purchases) = purchases else {
        return Ok(lines.iter().map(|line| JudgedLine::new(line.clone(), Outcome::Unjudged)).collect());
    };
    let claims = lines.iter().map(|line| (line.sku.as_str(), line.quantity, line.amount()));
    let outcomes = purchases.state().judge(currency, claims);
    let accepted = lines.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Outcome::Accepted);
    let units = accepted.map(|(line, _)| line.units()).collect();
    let (document, currency) = (document.to_owned(), currency.to_owned());
    purchases.handle(purchases::Command::Return { document, receipt: false, currency, units, at })?;
    Ok(lines.iter().cloned().zip(outcomes).map(|(line, outcome)| JudgedLine::new(line, outcome)).collect())
}

/// Decides on a return, and on the purchases of its customer if it has one.
async fn take_back(
    app: &App,
    request: &event_store::Request,
    document: Target<Return>,
    customer: Option<&str>,
    mut decide: impl FnMut(&mut Draft<Return>, Option<&mut Draft<Purchases>>) -> Result<(), Error>,
) -> Result<Receipt, Problem> {
    let receipt = match customer {
        None => app.store.execute_with(request, document, |document| decide(document, None)).await,
        Some(customer) => {
            let purchases = Target::<Purchases>::existing(customer);
            let both =
                |document: &mut Draft<Return>, purchases: &mut Draft<Purchases>| decide(document, Some(purchases));
            app.store.execute_pair(request, document, purchases, both).await
        }
    };
    receipt.map_err(problem)
}

fn at_return(id: &str) -> String {
    path(["v1", "sales", "returns", id])
}

/// Records a return without receipt. Each line is accepted if the customer bought that many in this currency, paid as much for all of them
/// together, and has not been given it back, over all sales; refused lines are recorded as such, and those of an unknown customer as not
/// judged. The answer tells what became of each.
#[utoipa::path(post, path = "/v1/sales/returns", tag = "sales", request_body = RecordReturn, responses((status = 201, body = Told<Judged>)))]
async fn record_return(State(app): State<App>, posted: Posted<RecordReturn>) -> Result<Answer<Judged>, Problem> {
    let at = posted.at(posted.body.at);
    let RecordReturn { id, store, customer, country, currency, lines: given, .. } = posted.body;
    let id = id.map_or_else(|| clock::new_id().to_string(), Into::into);
    let (store, country, currency) = (store.into_inner(), country.into_inner(), currency.into_inner());
    let customer = customer.map(Key::into_inner);
    let lines = lines(given);
    let standing = stands(&app, &store).await?;
    let mut made = None;
    let decide = |document: &mut Draft<Return>, purchases: Option<&mut Draft<Purchases>>| {
        standing.trades(&currency)?;
        let judged = judge(purchases, (&id, &currency), &lines, at)?;
        let (customer, store, country, currency) = (customer.clone(), store.clone(), country.clone(), currency.clone());
        let record = returns::Command::Record { customer, store, country, currency, lines: judged, at };
        made = document.handle(record)?.last().cloned();
        Ok(())
    };
    let receipt = take_back(&app, &posted.request, Target::new(&*id), customer.as_deref(), decide).await?;
    let event = app.store.decided::<Return>(&receipt, made).await.map_err(unread)?;
    let told = event.map(|event| Judged::of(&event, &currency));
    Ok(Answer::created(at_return(&receipt.aggregate_id), receipt).telling(told))
}

/// Adds lines to a return without receipt.
#[utoipa::path(post, path = "/v1/sales/returns/{id}/add-lines", tag = "sales", params(("id" = Key, Path)), request_body = AddLines, responses((status = 200, body = Told<Judged>)))]
async fn add_return_lines(
    State(app): State<App>,
    Path(id): Path<Key>,
    posted: Posted<AddLines>,
) -> Result<Answer<Judged>, Problem> {
    let id = id.into_inner();
    let at = posted.at(posted.body.at);
    let lines = lines(posted.body.lines);
    let of_document = |document: &Return| (document.customer().map(str::to_owned), document.currency().to_owned());
    let recorded = app.store.read(Target::<Return>::existing(&*id), of_document).await;
    let (customer, currency) = recorded.map_err(unread)?;
    let mut made = None;
    let decide = |document: &mut Draft<Return>, purchases: Option<&mut Draft<Purchases>>| {
        let judged = judge(purchases, (&id, &currency), &lines, at)?;
        made = document.handle(returns::Command::AddLines { lines: judged, at })?.last().cloned();
        Ok(())
    };
    let receipt = take_back(&app, &posted.request, Target::existing(&*id), customer.as_deref(), decide).await?;
    let event = app.store.decided::<Return>(&receipt, made).await.map_err(unread)?;
    let told = event.map(|event| Judged::of(&event, &currency));
    Ok(Answer::done(at_return(&id), receipt).telling(told))
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
    let (store, currency) = (store.into_inner(), currency.into_inner());
    let standing = stands(&app, &store).await?;
    let (customer, country, on) = (customer.map(Into::into), country.into(), currency.clone());
    let command = bad_debt::Command::Record { store, customer, country, currency, lines, at };
    let receipt = app.store.execute_with(&posted.request, Target::<BadDebt>::new(&*id), |draft| {
        standing.trades(&on)?;
        draft.handle(command.clone()).map(|_| ())
    });
    let receipt = receipt.await.map_err(problem)?;
    Ok(Answer::created(path(["v1", "sales", "bad-debts", &receipt.aggregate_id]), receipt))
}
