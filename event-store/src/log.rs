//! Reading the log in order.

use bytes::{Buf as _, Bytes, BytesMut};
use chrono::{DateTime, Duration, Utc};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde_json::value::RawValue;
use sqlx::types::Json;
use sqlx::{PgExecutor, PgPool};
use thiserror::Error;
use uuid::Uuid;

use crate::Recorded;

/// Where the log ends, and which log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Position of the last event, 0 for an empty log.
    pub position: i64,
    /// The log's name, made with it.
    pub log_id: Uuid,
}

/// A place in the log. Positions alone do not tell one log from another: one that lost its tail and grew again has other events there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The position of an event, 0 before the first.
    pub position: i64,
    /// The id of that event, nil before the first.
    pub event_id: Uuid,
}

impl Place {
    /// Before the first event of any log.
    pub const START: Self = Self { position: 0, event_id: Uuid::nil() };

    /// Whether the log has this event at this position.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn is_in_the_log(&self, executor: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
        if *self == Self::START {
            return Ok(true);
        }
        sqlx::query_scalar!(
            r#"select exists (select from events where position = $1 and event_id = $2) as "exists!""#,
            self.position,
            self.event_id
        )
        .fetch_one(executor)
        .await
    }
}

impl From<&Recorded> for Place {
    fn from(event: &Recorded) -> Self {
        Self { position: event.position, event_id: event.event_id }
    }
}

/// Where the log ends.
///
/// # Errors
/// When the database cannot be asked.
pub async fn head(executor: impl PgExecutor<'_>) -> Result<Head, sqlx::Error> {
    sqlx::query_as!(Head, "select position, log_id from log_head").fetch_one(executor).await
}

/// Up to `limit` events after a position, as they were written.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read(executor: impl PgExecutor<'_>, after: i64, limit: i64) -> Result<Vec<Recorded>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select position, aggregate_type, aggregate_id, sequence, event_id, event_type, event_version, recorded_at,
                  payload as "payload: Json<Box<RawValue>>", metadata as "metadata: Json<Box<RawValue>>"
           from events where position > $1 order by position limit $2"#,
        after,
        limit
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Recorded {
            position: row.position,
            aggregate_type: row.aggregate_type,
            aggregate_id: row.aggregate_id,
            sequence: row.sequence,
            event_id: row.event_id,
            event_type: row.event_type,
            event_version: row.event_version,
            payload: row.payload.0,
            metadata: row.metadata.0,
            recorded_at: row.recorded_at,
        })
        .collect())
}

/// Up to `limit` events after a place, as they were written; `None` when the log does not have the event of that place: it is another log,
/// or it has lost its tail and grown again.
///
/// # Errors
/// When the database cannot be asked.
pub async fn read_after(
    executor: impl PgExecutor<'_>,
    place: Place,
    limit: i64,
) -> Result<Option<Vec<Recorded>>, sqlx::Error> {
    if place == Place::START {
        return read(executor, 0, limit).await.map(Some);
    }
    // The event of the place comes first: one statement, one moment.
    let mut events = read(executor, place.position - 1, limit.saturating_add(1)).await?;
    if events.first().map(Place::from) != Some(place) {
        return Ok(None);
    }
    events.remove(0);
    Ok(Some(events))
}

/// Whether the log has the event of each of these places.
///
/// # Errors
/// When the database cannot be asked.
pub async fn has_all(executor: impl PgExecutor<'_>, places: &[Place]) -> Result<bool, sqlx::Error> {
    let events = places.iter().filter(|place| **place != Place::START);
    let (positions, ids): (Vec<i64>, Vec<Uuid>) = events.map(|event| (event.position, event.event_id)).unzip();
    let found = sqlx::query_scalar!(
        r#"select count(*) as "count!" from unnest($1::bigint[], $2::uuid[]) wanted (position, event_id)
           where (select e.event_id from public.events e where e.position = wanted.position) = wanted.event_id"#,
        &positions,
        &ids
    );
    Ok(usize::try_from(found.fetch_one(executor).await?) == Ok(positions.len()))
}

/// What can go wrong in a scan.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The database went away.
    #[error("the log could not be read")]
    Unreachable(#[from] sqlx::Error),
    /// The log is not dense there, or the data broke off without saying so.
    #[error("the event at {0} is missing")]
    Missing(i64),
    /// The data are not what `COPY` sends, or not the log's.
    #[error("the log's data could not be understood")]
    Garbled,
}

/// All events after `after` up to `upto`, in batches as they come over the wire: one `COPY` from beginning to end.
pub fn scan(pool: PgPool, after: i64, upto: i64) -> impl Stream<Item = Result<Vec<Recorded>, ScanError>> + Send {
    stream::once(async move { open(pool, after, upto).await }).try_flatten()
}

async fn open(
    pool: PgPool,
    after: i64,
    upto: i64,
) -> Result<impl Stream<Item = Result<Vec<Recorded>, ScanError>> + Send, ScanError> {
    use sqlx::postgres::PgPoolCopyExt as _;
    // COPY takes no parameters; these are numbers.
    let copy = format!(
        "copy (select position, sequence, event_id, recorded_at, aggregate_type, aggregate_id, event_type, event_version, payload, metadata
               from events where position > {after} and position <= {upto} order by position) to stdout (format binary)"
    );
    let chunks = pool.copy_out_raw(&copy).await?;
    // One batch for each 64 KiB or so: handing over single rows would cost more than decoding them.
    let chunks = chunks.ready_chunks(64);
    let decoder = Decoder { rest: BytesMut::new(), begun: false, last: after };
    Ok(stream::try_unfold((chunks, decoder), move |(mut chunks, mut decoder)| async move {
        let Some(ready) = chunks.next().await else {
            return if decoder.last == upto { Ok(None) } else { Err(ScanError::Missing(decoder.last + 1)) };
        };
        for chunk in ready {
            decoder.rest.extend_from_slice(&chunk?);
        }
        Ok(Some((decoder.rows()?, (chunks, decoder))))
    }))
}

/// Microseconds from 1970 to 2000, where Postgres' time begins.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

struct Decoder {
    rest: BytesMut,
    begun: bool,
    /// Position of the last event that was read.
    last: i64,
}

impl Decoder {
    fn rows(&mut self) -> Result<Vec<Recorded>, ScanError> {
        let mut data = std::mem::take(&mut self.rest).freeze();
        if !self.begun {
            if data.len() < 19 {
                self.rest = data.into();
                return Ok(Vec::new());
            }
            // Signature, flags, and the length of an extension that there is not.
            data.advance(19);
            self.begun = true;
        }
        let mut rows = Vec::new();
        loop {
            let mut row = data.clone();
            match next(&mut row)? {
                Next::Row(recorded) if recorded.position != self.last + 1 => {
                    return Err(ScanError::Missing(self.last + 1));
                }
                Next::Row(recorded) => {
                    self.last = recorded.position;
                    rows.push(recorded);
                    data = row;
                }
                Next::Partial => {
                    self.rest = data.into();
                    return Ok(rows);
                }
                Next::End => return Ok(rows),
            }
        }
    }
}

enum Next {
    Row(Recorded),
    Partial,
    End,
}

fn next(data: &mut Bytes) -> Result<Next, ScanError> {
    if data.len() < 2 {
        return Ok(Next::Partial);
    }
    match data.get_i16() {
        -1 => return Ok(Next::End),
        10 => {}
        _ => return Err(ScanError::Garbled),
    }
    let mut fields: [&[u8]; 10] = [&[]; 10];
    let mut rest: &[u8] = data;
    for field in &mut fields {
        let Some((length, after)) = rest.split_first_chunk::<4>() else { return Ok(Next::Partial) };
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| ScanError::Garbled)?;
        let Some((value, after)) = after.split_at_checked(length) else { return Ok(Next::Partial) };
        (*field, rest) = (value, after);
    }
    let consumed = data.len() - rest.len();
    let recorded = recorded(&fields)?;
    data.advance(consumed);
    Ok(Next::Row(recorded))
}

fn recorded(fields: &[&[u8]; 10]) -> Result<Recorded, ScanError> {
    let [
        position,
        sequence,
        event_id,
        recorded_at,
        aggregate_type,
        aggregate_id,
        event_type,
        event_version,
        payload,
        metadata,
    ] = *fields;
    let micros = integer(recorded_at)?;
    Ok(Recorded {
        position: integer(position)?,
        sequence: integer(sequence)?,
        event_id: Uuid::from_slice(event_id).map_err(|_| ScanError::Garbled)?,
        recorded_at: DateTime::<Utc>::from_timestamp_micros(POSTGRES_EPOCH)
            .and_then(|epoch| epoch.checked_add_signed(Duration::microseconds(micros)))
            .ok_or(ScanError::Garbled)?,
        aggregate_type: text(aggregate_type)?,
        aggregate_id: text(aggregate_id)?,
        event_type: text(event_type)?,
        event_version: text(event_version)?,
        payload: json(payload)?,
        metadata: json(metadata)?,
    })
}

fn integer(bytes: &[u8]) -> Result<i64, ScanError> {
    bytes.try_into().map(i64::from_be_bytes).map_err(|_| ScanError::Garbled)
}

fn text(bytes: &[u8]) -> Result<String, ScanError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| ScanError::Garbled)
}

fn json(bytes: &[u8]) -> Result<Box<RawValue>, ScanError> {
    RawValue::from_string(text(bytes)?).map_err(|_| ScanError::Garbled)
}
