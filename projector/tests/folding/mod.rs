//! Events as the log would hand them out, and what a projection makes of them, in memory and in the database.
#![expect(dead_code, reason = "no test uses all of it")]

pub(crate) mod till;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use event_store::log::Place;
use event_store::{Lease, Recorded};
use projector::batch::Model;
use projector::rows::{AnyTable, Rows as _};
use projector::{ApplyError, Projection};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use uuid::Uuid;

/// A log in memory.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) events: Vec<Recorded>,
    sequences: HashMap<(String, String), i64>,
}

impl Log {
    /// The position of the next event.
    pub(crate) fn next(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap() + 1
    }

    pub(crate) fn record<E: DomainEvent + Serialize>(
        &mut self,
        aggregate_type: &str,
        id: &str,
        event: &E,
    ) -> &mut Self {
        let sequence = self.sequences.entry((aggregate_type.to_owned(), id.to_owned())).or_default();
        *sequence += 1;
        let position = i64::try_from(self.events.len()).unwrap() + 1;
        self.events.push(Recorded {
            position,
            aggregate_type: aggregate_type.to_owned(),
            aggregate_id: id.to_owned(),
            sequence: *sequence,
            event_id: Uuid::from_u128(position.unsigned_abs().into()),
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: to_raw_value(event).unwrap(),
            metadata: RawValue::from_string("{}".to_owned()).unwrap(),
            recorded_at: DateTime::<Utc>::UNIX_EPOCH,
        });
        self
    }
}

/// What a projection makes of a log, in memory.
pub(crate) fn fold<P: Projection>(projection: &P, events: &[Recorded]) -> P::Rows {
    try_fold(projection, events).unwrap()
}

/// The same, or the event that cannot be applied.
pub(crate) fn try_fold<P: Projection>(projection: &P, events: &[Recorded]) -> Result<P::Rows, ApplyError> {
    let mut rows = P::Rows::in_schema(P::NAME);
    rows.tables().into_iter().for_each(AnyTable::assume_empty);
    for recorded in events {
        if let Some(event) = projection.decode(recorded).unwrap() {
            projection.keys(recorded, &event, &mut rows);
            projection.apply(recorded, &event, &mut rows)?;
        }
    }
    Ok(rows)
}

/// What a projection makes of a log in the database, so many events at a time, remembering no row between batches.
pub(crate) async fn store<P: Projection + Clone>(pool: &PgPool, projection: &P, events: &[Recorded], batch: usize) {
    are_in_the_log(pool, events).await;
    store_in(pool, projection, events.chunks(batch), false).await;
}

/// The same in batches of these sizes, remembering every row.
pub(crate) async fn store_remembering<P: Projection + Clone>(
    pool: &PgPool,
    projection: &P,
    events: &[Recorded],
    batches: &[usize],
) {
    are_in_the_log(pool, events).await;
    let mut rest = events;
    let batches = batches.iter().map(|size| {
        let (batch, others) = rest.split_at(*size);
        rest = others;
        batch
    });
    store_in(pool, projection, batches, true).await;
}

async fn store_in<'a, P: Projection + Clone>(
    pool: &PgPool,
    projection: &P,
    batches: impl Iterator<Item = &'a [Recorded]>,
    remember: bool,
) {
    let mut connection = schema::<P>(pool).await;
    sqlx::query(
        "insert into projection.checkpoints (name, version, log_id, position, event_id, status)
         select $1, $2, log_id, 0, $3, 'running' from log_head on conflict (name) do update set position = 0, event_id = $3",
    )
    .bind(P::NAME)
    .bind(P::VERSION)
    .bind(Uuid::nil())
    .execute(&mut *connection)
    .await
    .unwrap();
    let lease = Lease::acquire(pool, P::NAME, "tester", Duration::from_secs(60)).await.unwrap().unwrap();
    let mut model = Model::new(projection.clone(), P::NAME, Place::START, BTreeSet::new());
    for batch in batches {
        model.apply(&mut connection, batch, &lease).await.unwrap();
        if !remember {
            model.forget();
        }
    }
    lease.release(pool).await.unwrap();
}

/// A model's checkpoint moves only to events that the log has.
async fn are_in_the_log(pool: &PgPool, events: &[Recorded]) {
    let (positions, ids): (Vec<i64>, Vec<Uuid>) = events.iter().map(|event| (event.position, event.event_id)).unzip();
    sqlx::query(
        "insert into events select position, 'test', 'test', position, id, 'test', '1.0', '{}', '{}', now()
         from unnest($1::bigint[], $2::uuid[]) e (position, id) on conflict do nothing",
    )
    .bind(positions)
    .bind(ids)
    .execute(pool)
    .await
    .unwrap();
}

/// What a projection makes of a log in memory, copied into the database at once.
pub(crate) async fn copy<P: Projection>(pool: &PgPool, projection: &P, events: &[Recorded]) {
    let mut connection = schema::<P>(pool).await;
    let mut rows = fold(projection, events);
    for table in rows.tables() {
        table.copy(&mut connection).await.unwrap();
    }
}

/// The projection's schema, new and empty.
async fn schema<P: Projection>(pool: &PgPool) -> PoolConnection<Postgres> {
    let mut connection = pool.acquire().await.unwrap();
    let name = P::NAME;
    let sql = format!("drop schema if exists {name} cascade; create schema {name}; set search_path = {name};");
    sqlx::raw_sql(&sql).execute(&mut *connection).await.unwrap();
    sqlx::raw_sql(P::SCHEMA).execute(&mut *connection).await.unwrap();
    sqlx::raw_sql("reset search_path").execute(&mut *connection).await.unwrap();
    connection
}

/// Every row of the projection's schema as the database shows it, generated columns included.
pub(crate) async fn contents<P: Projection>(pool: &PgPool) -> Vec<String> {
    let sql = "select table_name::text from information_schema.tables where table_schema = $1 order by 1";
    let tables: Vec<String> = sqlx::query_scalar(sql).bind(P::NAME).fetch_all(pool).await.unwrap();
    let mut contents = vec![];
    for table in tables {
        let sql = format!("select '{table} ' || t::text from {}.{table} t order by 1", P::NAME);
        contents.extend(sqlx::query_scalar::<_, String>(&sql).fetch_all(pool).await.unwrap());
    }
    contents
}
