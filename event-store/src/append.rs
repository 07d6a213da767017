//! The call of the SQL function `append`: one round trip for a batch of commits.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::commit::{Commit, Outcome, Used};
use crate::log::Place;
use crate::turn::Turn;

/// What a process has seen of the log. A restored database shows by another log, a head that went back, or another event there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) log_id: Uuid,
    pub(crate) head: Place,
}

/// The answer to a batch.
pub(crate) struct Appended {
    pub(crate) log: Known,
    /// One for each commit, in order. `None` when the log is not the known one: then nothing was appended.
    pub(crate) outcomes: Option<Vec<Outcome>>,
}

/// The batch as the columns that `append` takes.
#[derive(Default)]
struct Columns<'a> {
    c_events: Vec<i32>,
    s_commit: Vec<i32>,
    s_type: Vec<&'a str>,
    s_id: Vec<&'a str>,
    s_expected: Vec<i64>,
    s_decided_on: Vec<Option<Uuid>>,
    s_events: Vec<i32>,
    s_first_event: Vec<Option<Uuid>>,
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
}

impl<'a> Columns<'a> {
    fn of(commits: impl Iterator<Item = &'a Commit>) -> Self {
        let mut columns = Self::default();
        for (number, commit) in (1..).zip(commits) {
            columns.c_events.push(count(commit.events()));
            columns.add(number, commit);
        }
        columns
    }

    fn add(&mut self, number: i32, commit: &'a Commit) {
        for stream in &commit.streams {
            self.s_commit.push(number);
            self.s_type.push(stream.aggregate_type);
            self.s_id.push(&stream.aggregate_id);
            self.s_expected.push(stream.expected);
            self.s_decided_on.push(stream.decided_on);
            self.s_events.push(count(stream.events.len()));
            self.s_first_event.push(stream.events.first().map(|event| event.id));
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
        if let Some(key) = &commit.idempotency {
            self.k_commit.push(number);
            self.k_principal.push(&key.principal);
            self.k_key.push(&key.key);
            self.k_fingerprint.push(&key.fingerprint);
        }
    }
}

fn count(of: usize) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

#[derive(Debug, sqlx::Type)]
#[sqlx(type_name = "refusal")]
struct Refusal {
    commit_no: i32,
    reason: String,
    aggregate_type: String,
    aggregate_id: String,
    sequence: i64,
    last_position: Option<i64>,
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        let Refusal { reason, aggregate_type, aggregate_id, sequence, last_position, .. } = refusal;
        match (reason.as_str(), last_position) {
            ("duplicate", Some(position)) => Self::Duplicate(Used { aggregate_type, aggregate_id, sequence, position }),
            ("key_reused", _) => Self::KeyReused,
            _ => Self::Conflict(Turn::default()),
        }
    }
}

/// Appends a batch, and tells what became of each commit.
///
/// # Errors
/// When no answer came: then nothing is known of what became of the batch, and the same batch must be appended again.
pub(crate) async fn append<'a>(
    connection: &mut PgConnection,
    commits: impl Iterator<Item = &'a Commit>,
    oldest_key: DateTime<Utc>,
    known: Option<Known>,
) -> Result<Appended, sqlx::Error> {
    let columns = Columns::of(commits);
    let answer = sqlx::query!(
        r#"select log_id as "log_id!", head as "head!", head_event, last_positions as "last_positions?: Vec<Option<i64>>", refusals as "refusals?: Vec<Refusal>"
           from append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)"#,
        known.map(|known| known.log_id),
        known.map(|known| known.head.position),
        known.map(|known| known.head.event_id).filter(|id| !id.is_nil()),
        &columns.c_events,
        &columns.s_commit,
        &columns.s_type as _,
        &columns.s_id as _,
        &columns.s_expected,
        &columns.s_decided_on as _,
        &columns.s_events,
        &columns.s_first_event as _,
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
        oldest_key
    )
    .fetch_one(connection)
    .await?;
    let head = Place { position: answer.head, event_id: answer.head_event.unwrap_or_default() };
    let log = Known { log_id: answer.log_id, head };
    let outcomes = answer.last_positions.map(|positions| outcomes(&positions, answer.refusals.unwrap_or_default()));
    Ok(Appended { log, outcomes })
}

fn outcomes(last_positions: &[Option<i64>], refusals: Vec<Refusal>) -> Vec<Outcome> {
    let appended = |&position: &Option<i64>| Outcome::Appended { last_position: position.unwrap_or_default() };
    let mut outcomes: Vec<Outcome> = last_positions.iter().map(appended).collect();
    for refusal in refusals {
        let place = usize::try_from(refusal.commit_no - 1).ok().and_then(|place| outcomes.get_mut(place));
        if let Some(outcome) = place {
            *outcome = refusal.into();
        }
    }
    outcomes
}
