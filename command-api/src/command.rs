//! A command on one stream: what comes in, who decides, what is answered and how clients are told of it, once for all of them.

use axum::extract::State;
use axum::routing::post;
use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate;
use domain::Refusal;
use domain::values::{Key, Timestamp};
use event_store::Target;
use platform::extract::Path;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, Ref, Required, ResponseBuilder};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::App;
use crate::answer::{Accepted, Answer, problem};
use crate::posted::Posted;

/// A kind of stream that has an address.
pub(crate) trait Addressed: Aggregate<Services = ()> + Clone + 'static {
    /// What names one of them in a path.
    type Id: DeserializeOwned + Send + 'static;
    /// Where the query API shows one of them; commands are posted below it.
    const ROUTE: &'static str;
    /// The stream's id in the log, and its address with the names filled in.
    fn found(id: Self::Id) -> (String, String);
}

/// What a command may be made of, beside its body.
pub(crate) struct Asked {
    /// The server's time.
    pub(crate) now: DateTime<Utc>,
    /// For how long units may be reserved at most.
    pub(crate) longest_hold: TimeDelta,
}

impl Asked {
    /// The time that the client gave, or that of the request.
    pub(crate) fn at(&self, given: Option<Timestamp>) -> DateTime<Utc> {
        given.map_or(self.now, Into::into)
    }
}

/// The route of the command `verb`, whose body is a `B`.
pub(crate) fn command<A, B>(verb: &str, summary: &str, make: fn(B, &Asked) -> A::Command) -> UtoipaMethodRouter<App>
where
    A: Addressed<Error: Refusal, Command: Clone + Send>,
    B: DeserializeOwned + ToSchema + Send + 'static,
{
    let handler = move |State(app): State<App>, Path(id): Path<A::Id>, posted: Posted<B>| async move {
        let asked = Asked { now: posted.request.now, longest_hold: app.longest_hold };
        let (stream, address) = A::found(id);
        let command = make(posted.body, &asked);
        let receipt = app.store.execute(&posted.request, Target::<A>::existing(stream), command).await;
        receipt.map(|receipt| Answer::done(address, receipt)).map_err(problem)
    };
    let mut schemas = vec![schema::<B>(), schema::<Accepted>(), schema::<Key>()];
    B::schemas(&mut schemas);
    let item = PathItem::new(HttpMethod::Post, described::<B>(A::ROUTE, verb, summary));
    (schemas, PathsBuilder::new().path(format!("{}/{verb}", A::ROUTE), item).build(), post(handler))
}

/// What differs between commands in the description of the API.
fn described<B: ToSchema>(route: &str, verb: &str, summary: &str) -> OperationBuilder {
    let names = route.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters = names.map(|name| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
        parameter.required(Required::True).schema(Some(reference::<Key>())).build()
    });
    let body = RequestBodyBuilder::new().content("application/json", json::<B>()).required(Some(Required::True));
    OperationBuilder::new()
        .tag(route.split('/').nth(2).unwrap_or_default())
        .operation_id(Some(verb.replace('-', "_")))
        .summary(Some(summary))
        .parameters(Some(parameters))
        .request_body(Some(body.build()))
        .response("200", ResponseBuilder::new().content("application/json", json::<Accepted>()).build())
}

fn json<T: ToSchema>() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(reference::<T>())).build()
}

fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

fn schema<T: ToSchema>() -> (String, utoipa::openapi::RefOr<utoipa::openapi::Schema>) {
    (T::name().into_owned(), T::schema())
}
