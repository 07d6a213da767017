//! Commands on stock.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::inventory::stock_item::{Action, Command};
use domain::inventory::{Error, Key as StockKey, StockItem};
use domain::values::{Change, Document, Key, Level, Name, Quantity, Timestamp};
use event_store::Target;
use platform::{Problem, clock};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::App;
use crate::answer::{Accepted, Answer, path, problem};
use crate::command::{Addressed, Asked, command};
use crate::posted::Posted;

/// Stock is changed by its own commands, and by one that needs two of it.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(command::<StockItem, Movement>("receive", "Units come in.", |body, asked| {
            asked.of_stock(
                body.at,
                Action::Receive { quantity: body.quantity.into(), document: body.document.map(Into::into) },
            )
        }))
        .routes(command::<StockItem, Movement>("issue", "Units leave without having been reserved.", |body, asked| {
            asked.of_stock(
                body.at,
                Action::Issue { quantity: body.quantity.into(), document: body.document.map(Into::into) },
            )
        }))
        .routes(command::<StockItem, Adjust>("adjust", "Corrects the number on hand.", |body, asked| {
            let Adjust { quantity, reason, document, at } = body;
            let document = document.map(Into::into);
            asked.of_stock(at, Action::Adjust { quantity: quantity.into(), reason: reason.into(), document })
        }))
        .routes(command::<StockItem, SetReorderLevel>(
            "set-reorder-level",
            "Says from how many available units down stock is low.",
            |body, asked| asked.of_stock(body.at, Action::SetReorderLevel { level: body.level.into() }),
        ))
        .routes(routes!(transfer))
        .merge(reservations())
}

fn reservations() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(command::<StockItem, Reserve>(
            "reserve",
            "Promises units until a time. Then they are available again by themselves.",
            |Reserve { reservation, quantity, expires_at, at }, asked| {
                let (expires_at, longest) = (asked.until(expires_at), asked.longest_hold);
                asked.of_stock(at, Action::Reserve { reservation, quantity: quantity.into(), expires_at, longest })
            },
        ))
        .routes(command::<StockItem, Extend>(
            "extend",
            "Promises reserved units until another time.",
            |Extend { reservation, expires_at, at }, asked| {
                let (expires_at, longest) = (asked.until(expires_at), asked.longest_hold);
                asked.of_stock(at, Action::Extend { reservation, expires_at, longest })
            },
        ))
        .routes(command::<StockItem, EndReservation>(
            "release",
            "Takes a promise back. One that comes only later is refused; taken back again, nothing changes.",
            |body, asked| asked.of_stock(body.at, Action::Release { reservation: body.reservation }),
        ))
        .routes(command::<StockItem, EndReservation>("commit", "Promised units leave.", |body, asked| {
            asked.of_stock(body.at, Action::Commit { reservation: body.reservation })
        }))
}

impl Addressed for StockItem {
    type Id = (Key, Key);
    const ROUTE: &'static str = "/v1/inventory/{store}/{sku}";

    fn found((store, sku): Self::Id) -> (String, String) {
        let stock = StockKey { store: store.into(), sku: sku.into() };
        (stock.to_string(), address(&stock))
    }
}

impl Asked {
    fn of_stock(&self, at: Option<Timestamp>, action: Action) -> Command {
        Command { action, at: self.at(at), now: self.now }
    }

    /// When a promise ends: when the client says, or as late as it may.
    fn until(&self, given: Option<Timestamp>) -> DateTime<Utc> {
        given.map_or_else(|| self.now + self.longest_hold, Into::into)
    }
}

fn address(stock: &StockKey) -> String {
    path(["v1", "inventory", &stock.store, &stock.sku])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Movement {
    quantity: Quantity,
    /// Number of the delivery note, invoice, …
    document: Option<Document>,
    at: Option<Timestamp>,
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Extend {
    reservation: Uuid,
    /// By the server's clock; as late as it may be if not given.
    expires_at: Option<Timestamp>,
    at: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EndReservation {
    reservation: Uuid,
    at: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetReorderLevel {
    level: Level,
    at: Option<Timestamp>,
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
    let made = |action| Command { action, at, now };
    let (giver, getter) =
        (Target::<StockItem>::existing(giving.to_string()), Target::<StockItem>::existing(getting.to_string()));
    let receipt = app.store.execute_pair(&posted.request, giver, getter, |giver, getter| {
        standing.takes_stock()?;
        giver.handle(made(Action::TransferOut { quantity, to: to.clone(), transfer: id }))?;
        getter.handle(made(Action::TransferIn { quantity, from: from.clone(), transfer: id }))?;
        Ok::<_, Error>(())
    });
    Ok(Answer::done(address(&giving), receipt.await.map_err(problem)?))
}
