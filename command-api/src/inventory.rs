//! Commands on stock.

use axum::extract::State;
use domain::inventory::stock_item::{Action, Command};
use domain::inventory::{Error, Key as StockKey, StockItem};
use domain::values::{Change, Document, Key, Level, Name, Quantity, Timestamp};
use event_store::{Receipt, Request, Target};
use platform::extract::Path;
use platform::{Problem, clock};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::App;
use crate::answer::{Accepted, Answer, path, problem};
use crate::posted::Posted;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(receive))
        .routes(routes!(adjust))
        .routes(routes!(issue))
        .routes(routes!(reserve))
        .routes(routes!(extend))
        .routes(routes!(release))
        .routes(routes!(commit))
        .routes(routes!(set_reorder_level))
        .routes(routes!(transfer))
}

async fn change(
    app: App,
    (store, sku): (Key, Key),
    request: Request,
    action: Action,
    at: Option<Timestamp>,
) -> Result<Answer, Problem> {
    let command = Command { action, at: at.map_or(request.now, Into::into), now: request.now };
    let stock = StockKey { store: store.into(), sku: sku.into() };
    let receipt = app
        .store
        .execute(&request, Target::<StockItem>::existing(stock.to_string()), command)
        .await
        .map_err(problem)?;
    Ok(located(&stock, receipt))
}

fn located(stock: &StockKey, receipt: Receipt) -> Answer {
    Answer::done(path(["v1", "inventory", &stock.store, &stock.sku]), receipt)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Movement {
    quantity: Quantity,
    /// Number of the delivery note, invoice, …
    document: Option<Document>,
    at: Option<Timestamp>,
}

/// Units come in.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/receive", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = Movement, responses((status = 200, body = Accepted)))]
async fn receive(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<Movement>,
) -> Result<Answer, Problem> {
    let Movement { quantity, document, at } = posted.body;
    change(
        app,
        stock,
        posted.request,
        Action::Receive { quantity: quantity.into(), document: document.map(Into::into) },
        at,
    )
    .await
}

/// Units leave without having been reserved.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/issue", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = Movement, responses((status = 200, body = Accepted)))]
async fn issue(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<Movement>,
) -> Result<Answer, Problem> {
    let Movement { quantity, document, at } = posted.body;
    change(
        app,
        stock,
        posted.request,
        Action::Issue { quantity: quantity.into(), document: document.map(Into::into) },
        at,
    )
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Adjust {
    /// More units (above 0) or fewer (below 0).
    quantity: Change,
    reason: Name,
    document: Option<Document>,
    at: Option<Timestamp>,
}

/// Corrects the number on hand.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/adjust", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = Adjust, responses((status = 200, body = Accepted)))]
async fn adjust(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<Adjust>,
) -> Result<Answer, Problem> {
    let Adjust { quantity, reason, document, at } = posted.body;
    change(
        app,
        stock,
        posted.request,
        Action::Adjust { quantity: quantity.into(), reason: reason.into(), document: document.map(Into::into) },
        at,
    )
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reserve {
    /// The reservation's id, chosen by the client. Asked again for the same, nothing changes.
    reservation: Uuid,
    quantity: Quantity,
    /// By the server's clock; as late as it may be if not given.
    expires_at: Option<Timestamp>,
    at: Option<Timestamp>,
}

/// Promises units until a time. Then they are available again by themselves.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/reserve", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = Reserve, responses((status = 200, body = Accepted)))]
async fn reserve(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<Reserve>,
) -> Result<Answer, Problem> {
    let Reserve { reservation, quantity, expires_at, at } = posted.body;
    let longest = app.longest_hold;
    let expires_at = expires_at.map_or_else(|| posted.request.now + longest, Into::into);
    change(
        app,
        stock,
        posted.request,
        Action::Reserve { reservation, quantity: quantity.into(), expires_at, longest },
        at,
    )
    .await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Extend {
    reservation: Uuid,
    /// By the server's clock; as late as it may be if not given.
    expires_at: Option<Timestamp>,
    at: Option<Timestamp>,
}

/// Promises reserved units until another time.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/extend", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = Extend, responses((status = 200, body = Accepted)))]
async fn extend(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<Extend>,
) -> Result<Answer, Problem> {
    let Extend { reservation, expires_at, at } = posted.body;
    let longest = app.longest_hold;
    let expires_at = expires_at.map_or_else(|| posted.request.now + longest, Into::into);
    change(app, stock, posted.request, Action::Extend { reservation, expires_at, longest }, at).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndReservation {
    reservation: Uuid,
    at: Option<Timestamp>,
}

/// Takes a promise back. One that comes only later is refused; taken back again, nothing changes.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/release", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = EndReservation, responses((status = 200, body = Accepted)))]
async fn release(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<EndReservation>,
) -> Result<Answer, Problem> {
    let EndReservation { reservation, at } = posted.body;
    change(app, stock, posted.request, Action::Release { reservation }, at).await
}

/// Promised units leave.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/commit", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = EndReservation, responses((status = 200, body = Accepted)))]
async fn commit(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<EndReservation>,
) -> Result<Answer, Problem> {
    let EndReservation { reservation, at } = posted.body;
    change(app, stock, posted.request, Action::Commit { reservation }, at).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetReorderLevel {
    level: Level,
    at: Option<Timestamp>,
}

/// Says from how many available units down stock is low.
#[utoipa::path(post, path = "/v1/inventory/{store}/{sku}/set-reorder-level", tag = "inventory", params(("store" = Key, Path), ("sku" = Key, Path)), request_body = SetReorderLevel, responses((status = 200, body = Accepted)))]
async fn set_reorder_level(
    State(app): State<App>,
    Path(stock): Path<(Key, Key)>,
    posted: Posted<SetReorderLevel>,
) -> Result<Answer, Problem> {
    let SetReorderLevel { level, at } = posted.body;
    change(app, stock, posted.request, Action::SetReorderLevel { level: level.into() }, at).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Transfer {
    sku: Key,
    /// The store that gives.
    from: Key,
    /// The store that gets.
    to: Key,
    quantity: Quantity,
    at: Option<Timestamp>,
}

/// Moves units from one store to another, in one commit: they are never in both, nor in none. The answer is about the store that gives.
#[utoipa::path(post, path = "/v1/inventory/transfers", tag = "inventory", request_body = Transfer, responses((status = 200, body = Accepted)))]
async fn transfer(State(app): State<App>, posted: Posted<Transfer>) -> Result<Answer, Problem> {
    let at = posted.at(posted.body.at);
    let Transfer { sku, from, to, quantity, .. } = posted.body;
    let (sku, from, to, quantity) = (sku.into_inner(), from.into_inner(), to.into_inner(), quantity.into_inner());
    if from == to {
        return Err(problem(event_store::Error::Refused(Error::SameStore)));
    }
    let giving = StockKey { store: from.clone(), sku: sku.clone() };
    let getting = StockKey { store: to.clone(), sku };
    let standing = app.stores.standing(&to).await.map_err(|error| problem::<Error>(error.into()))?;
    let id = clock::new_id();
    let now = posted.request.now;
    let command = |action| Command { action, at, now };
    let (giver, getter) =
        (Target::<StockItem>::existing(giving.to_string()), Target::<StockItem>::existing(getting.to_string()));
    let receipt = app.store.execute_pair(&posted.request, giver, getter, |giver, getter| {
        standing.takes_stock()?;
        giver.handle(command(Action::TransferOut { quantity, to: to.clone(), transfer: id }))?;
        getter.handle(command(Action::TransferIn { quantity, from: from.clone(), transfer: id }))?;
        Ok::<_, Error>(())
    });
    Ok(located(&giving, receipt.await.map_err(problem)?))
}
