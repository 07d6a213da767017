//! The call of the SQL function `append`: one round trip for a batch of commits.

use chrono::{DateTime, Utc};
use serde_json::value::{RawValue, to_raw_value};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Error, Idempotency, LogError, Receipt, Request};

/// An event that has been decided and is not yet in the log.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub(crate) id: Uuid,
    pub(crate) event_type: String,
    pub(crate) version: String,
    pub(crate) payload: Box<RawValue>,
}

/// The new events of one stream, and the sequence they were decided on.
#[derive(Debug)]
pub(crate) struct StreamCommit {
    pub(crate) aggregate_type: &'static str,
    pub(crate) aggregate_id: String,
    pub(crate) expected: i64,
    pub(crate) events: Vec<NewEvent>,
}

impl StreamCommit {
    pub(crate) fn last_sequence(&self) -> i64 {
        self.expected + i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }
}

/// What is appended whole or not at all.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) streams: Vec<StreamCommit>,
    /// Serialised once, for all events of the commit.
    pub(crate) metadata: Box<RawValue>,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) at: DateTime<Utc>,
}

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Appended { last_position: i64 },
    Conflict { current: i64 },
    Duplicate(Used),
    KeyReused,
}

/// What an idempotency key was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) aggregate_type: String,
    pub(crate) aggregate_id: String,
    pub(crate) sequence: i64,
    pub(crate) position: i64,
}

/// The batch as the columns that `append` takes.
#[derive(Default)]
struct Columns<'a> {
    count: i32,
    s_commit: Vec<i32>,
    s_type: Vec<&'a str>,
    s_id: Vec<&'a str>,
    s_expected: Vec<i64>,
    s_first_event: Vec<Uuid>,
    s_events: Vec<i32>,
    e_commit: Vec<i32>,
    e_type: Vec<&'a str>,
    e_id: Vec<&'a str>,
    e_sequence: Vec<i64>,
    e_event_id: Vec<Uuid>,
    e_event_type: Vec<&'a str>,
    e_version: Vec<&'a str>,
    e_payload: Vec<&'a str>,
    e_metadata: Vec<&'a str>,
    e_at: Vec<DateTime<Utc>>,
    k_commit: Vec<i32>,
    k_principal: Vec<&'a str>,
    k_key: Vec<&'a str>,
    k_fingerprint: Vec<&'a [u8]>,
    k_type: Vec<&'a str>,
    k_id: Vec<&'a str>,
    k_sequence: Vec<i64>,
}

impl<'a> Columns<'a> {
    fn of(commits: impl Iterator<Item = &'a Commit>) -> Self {
        let mut columns = Self::default();
        for (number, commit) in (1..).zip(commits) {
            columns.count = number;
            columns.add(number, commit);
        }
        columns
    }

    fn add(&mut self, number: i32, commit: &'a Commit) {
        for stream in &commit.streams {
            let Some(first) = stream.events.first() else { continue };
            self.s_commit.push(number);
            self.s_type.push(stream.aggregate_type);
            self.s_id.push(&stream.aggregate_id);
            self.s_expected.push(stream.expected);
            self.s_first_event.push(first.id);
            self.s_events.push(i32::try_from(stream.events.len()).unwrap_or(i32::MAX));
            for (sequence, event) in (stream.expected + 1..).zip(&stream.events) {
                self.e_commit.push(number);
                self.e_type.push(stream.aggregate_type);
                self.e_id.push(&stream.aggregate_id);
                self.e_sequence.push(sequence);
                self.e_event_id.push(event.id);
                self.e_event_type.push(&event.event_type);
                self.e_version.push(&event.version);
                self.e_payload.push(event.payload.get());
                self.e_metadata.push(commit.metadata.get());
                self.e_at.push(commit.at);
            }
        }
        if let (Some(key), Some(stream)) = (&commit.idempotency, commit.streams.first()) {
            self.k_commit.push(number);
            self.k_principal.push(&key.principal);
            self.k_key.push(&key.key);
            self.k_fingerprint.push(&key.fingerprint);
            self.k_type.push(stream.aggregate_type);
            self.k_id.push(&stream.aggregate_id);
            self.k_sequence.push(stream.last_sequence());
        }
    }
}

impl Commit {
    /// # Errors
    /// When an event would not fit into a message.
    pub(crate) fn new<E>(
        request: &Request,
        streams: Vec<StreamCommit>,
        max_event_bytes: usize,
    ) -> Result<Self, Error<E>> {
        let metadata = to_raw_value(&request.metadata).map_err(LogError::from)?;
        let largest =
            streams.iter().flat_map(|stream| &stream.events).map(|event| event.payload.get().len()).max().unwrap_or(0);
        let bytes = largest + metadata.get().len();
        if bytes > max_event_bytes {
            return Err(Error::TooLarge { bytes, limit: max_event_bytes });
        }
        Ok(Self { streams, metadata, idempotency: request.idempotency.clone(), at: request.now })
    }
}

impl Used {
    pub(crate) fn into_receipt(self) -> Receipt {
        Receipt {
            aggregate_type: self.aggregate_type,
            aggregate_id: self.aggregate_id,
            sequence: self.sequence,
            position: self.position,
            replayed: true,
        }
    }
}

#[derive(Debug, sqlx::Type)]
#[sqlx(type_name = "append_outcome")]
struct Row {
    commit_no: i32,
    outcome: String,
    last_position: Option<i64>,
    current_sequence: Option<i64>,
    key_type: Option<String>,
    key_id: Option<String>,
    key_sequence: Option<i64>,
}

impl From<Row> for Outcome {
    fn from(row: Row) -> Self {
        let position = row.last_position.unwrap_or_default();
        match (row.outcome.as_str(), row.key_type, row.key_id, row.key_sequence) {
            ("appended", ..) => Self::Appended { last_position: position },
            ("duplicate", Some(aggregate_type), Some(aggregate_id), Some(sequence)) => {
                Self::Duplicate(Used { aggregate_type, aggregate_id, sequence, position })
            }
            ("key_reused", ..) => Self::KeyReused,
            _ => Self::Conflict { current: row.current_sequence.unwrap_or_default() },
        }
    }
}

/// Appends a batch. The answer names the log and tells what became of each commit, in order.
///
/// # Errors
/// When no answer came: then nothing is known of what became of the batch, and the same batch must be appended again.
pub(crate) async fn append<'a>(
    connection: &mut PgConnection,
    commits: impl Iterator<Item = &'a Commit>,
    oldest_key: DateTime<Utc>,
) -> Result<(Uuid, Vec<Outcome>), sqlx::Error> {
    let columns = Columns::of(commits);
    let answer = sqlx::query!(
        r#"select log as "log!", outcomes as "outcomes!: Vec<Row>"
           from append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)"#,
        columns.count,
        &columns.s_commit,
        &columns.s_type as _,
        &columns.s_id as _,
        &columns.s_expected,
        &columns.s_first_event,
        &columns.s_events,
        &columns.e_commit,
        &columns.e_type as _,
        &columns.e_id as _,
        &columns.e_sequence,
        &columns.e_event_id,
        &columns.e_event_type as _,
        &columns.e_version as _,
        &columns.e_payload as _,
        &columns.e_metadata as _,
        &columns.e_at,
        &columns.k_commit,
        &columns.k_principal as _,
        &columns.k_key as _,
        &columns.k_fingerprint as _,
        &columns.k_type as _,
        &columns.k_id as _,
        &columns.k_sequence,
        oldest_key
    )
    .fetch_one(connection)
    .await?;
    Ok((answer.log, answer.outcomes.into_iter().map(Outcome::from).collect()))
}
