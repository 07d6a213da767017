use std::collections::HashMap;
use std::process::ExitCode;

use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use event_store::{FeedSource, log};
use futures::StreamExt as _;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::DIFFERENCES;
use crate::out::say;

/// Messages of the stream whose event is looked up, besides the first and the last.
const SAMPLES: u64 = 64;

/// Messages looked up in the log together.
const LOOKED_UP_TOGETHER: usize = 5000;
/// Messages asked for at once.
const IN_FLIGHT: usize = 64;
/// Messages named one by one, of those that differ.
const NAMED: usize = 10;

/// A question about the system's state, and what was found wrong.
struct Check {
    what: &'static str,
    /// What has not come yet, and will.
    late: Option<String>,
    wrong: Vec<String>,
}

impl Check {
    fn sound(what: &'static str) -> Self {
        Self { what, late: None, wrong: Vec::new() }
    }
}

/// Checks that the log is what it promises to be, and that everything made from it is.
pub(crate) async fn run(source: &FeedSource, all_messages: bool, json: bool) -> anyhow::Result<ExitCode> {
    let checks = [
        dense(&source.pool).await?,
        streams(&source.pool).await?,
        checkpoints(&source.pool).await?,
        stream(source, all_messages).await?,
    ];
    let mut sound = true;
    for Check { what, late, wrong } in &checks {
        sound &= wrong.is_empty();
        if json {
            say!("{}", json!({ "check": what, "ok": wrong.is_empty(), "late": late, "wrong": wrong }));
        } else if wrong.is_empty() {
            match late {
                Some(late) => say!("late   {what}: {late}"),
                None => say!("ok     {what}"),
            }
        } else {
            say!("WRONG  {what}: {}", wrong.join("; "));
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENCES) })
}

async fn dense(pool: &PgPool) -> Result<Check, sqlx::Error> {
    let found = sqlx::query!(
        r#"select count(*) as "count!", coalesce(min(position), 1) as "first!", coalesce(max(position), 0) as "last!",
                  (select position from log_head) as "head!"
           from events"#
    )
    .fetch_one(pool)
    .await?;
    let mut wrong = Vec::new();
    // Positions are unique: as many as the last one says, from 1, is all of them.
    if found.count != found.last || found.first != 1 {
        wrong.push(format!("{} events stand at positions {} to {}", found.count, found.first, found.last));
    }
    if found.head != found.last {
        wrong.push(format!("the head says {}, the last event is at {}", found.head, found.last));
    }
    Ok(Check { what: "the log is dense", late: None, wrong })
}

async fn streams(pool: &PgPool) -> Result<Check, sqlx::Error> {
    let broken = sqlx::query!(
        r#"select aggregate_type, aggregate_id, count(*) as "count!", max(sequence) as "last!"
           from events group by aggregate_type, aggregate_id
           having count(*) <> max(sequence) or min(sequence) <> 1 limit 10"#
    )
    .fetch_all(pool)
    .await?;
    let wrong = broken.into_iter().map(|row| {
        format!("{}/{} has {} events up to sequence {}", row.aggregate_type, row.aggregate_id, row.count, row.last)
    });
    Ok(Check { what: "every stream's sequences follow one another", late: None, wrong: wrong.collect() })
}

async fn checkpoints(pool: &PgPool) -> Result<Check, sqlx::Error> {
    let rows = sqlx::query!(
        "select name, position, error from projection.checkpoints c
         where status = 'stopped' or log_id <> (select log_id from public.log_head)
            or position > 0 and not exists (select from public.events e where e.position = c.position and e.event_id = c.event_id)"
    )
    .fetch_all(pool)
    .await?;
    let wrong = rows.into_iter().map(|row| match row.error {
        Some(error) => format!("{} has stopped at {}: {error}", row.name, row.position),
        None => format!("{} stands at {}, which is not of this log", row.name, row.position),
    });
    Ok(Check { what: "every projection stands somewhere in this log", late: None, wrong: wrong.collect() })
}

async fn stream(source: &FeedSource, all: bool) -> anyhow::Result<Check> {
    let what = "the stream's sequences are the log's positions";
    let Some(client) = &source.nats else {
        return Ok(Check::sound("the stream: not looked at, there is no ANNALS_NATS_URL"));
    };
    let stream = match async_nats::jetstream::new(client.clone()).get_stream(&source.stream).await {
        Ok(stream) => stream,
        Err(error) => {
            let unreadable = format!("the stream {} cannot be read: {error}", source.stream);
            return Ok(Check { what, late: None, wrong: vec![unreadable] });
        }
    };
    // The stream first: what the log gets meanwhile makes the stream late, never wrong.
    let state = stream.get_info().await?.state;
    let head = log::head(&source.pool).await?;
    let (last, mut wrong) = (i64::try_from(state.last_sequence)?, Vec::new());
    if last > head.position {
        wrong.push(format!("the stream ends at {last}, after the log, which ends at {}", head.position));
    }
    if state.last_sequence > 0 && state.first_sequence != 1 {
        wrong.push(format!("the stream begins at {}: what came before was taken away", state.first_sequence));
    }
    if state.messages > 0 && state.last_sequence - state.first_sequence + 1 != state.messages {
        wrong.push(format!(
            "the stream has {} messages from {} to {}",
            state.messages, state.first_sequence, state.last_sequence
        ));
    }
    let (first, last) = (state.first_sequence.max(1), state.last_sequence);
    let mut sequences: Box<dyn Iterator<Item = u64> + Send> =
        if all { Box::new(first..=last) } else { Box::new(samples(first, last)) };
    let mut different = 0_usize;
    loop {
        let some: Vec<u64> = sequences.by_ref().take(LOOKED_UP_TOGETHER).collect();
        if some.is_empty() {
            break;
        }
        for (sequence, is_the_logs) in compare(&stream, &source.pool, &some).await? {
            if !is_the_logs {
                different += 1;
                if different <= NAMED {
                    wrong.push(format!("message {sequence} is not the log's event there, or is missing"));
                }
            }
        }
    }
    if different > NAMED {
        wrong.push(format!("and {} more messages", different - NAMED));
    }
    let behind = head.position - i64::try_from(last)?;
    let late = (behind > 0).then(|| format!("the stream is {behind} events late"));
    Ok(Check { what, late, wrong })
}

/// For each of these messages, whether it is the log's event at that position.
async fn compare(stream: &Stream, pool: &PgPool, sequences: &[u64]) -> anyhow::Result<Vec<(u64, bool)>> {
    let positions: Vec<i64> = sequences.iter().map(|sequence| i64::try_from(*sequence)).collect::<Result<_, _>>()?;
    let ids = sqlx::query!("select position, event_id from public.events where position = any($1)", &positions);
    let ids: HashMap<i64, Uuid> =
        ids.fetch_all(pool).await?.into_iter().map(|row| (row.position, row.event_id)).collect();
    let messages = futures::stream::iter(sequences.iter().copied()).map(async |sequence| {
        let message = stream.get_raw_message(sequence).await;
        (sequence, message)
    });
    let mut compared = Vec::with_capacity(sequences.len());
    let mut messages = std::pin::pin!(messages.buffered(IN_FLIGHT));
    while let Some((sequence, message)) = messages.next().await {
        let id = match message {
            Ok(message) => message.headers.get("ce-id").and_then(|id| Uuid::parse_str(id.as_str()).ok()),
            // A hole is what is looked for, not a reason to stop looking.
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => None,
            Err(error) => return Err(error.into()),
        };
        let wanted = ids.get(&i64::try_from(sequence)?).copied();
        compared.push((sequence, wanted.is_some() && wanted == id));
    }
    Ok(compared)
}

/// The first, the last, and some between, evenly spread.
fn samples(first: u64, last: u64) -> impl Iterator<Item = u64> {
    let step = usize::try_from((last.saturating_sub(first)) / SAMPLES).unwrap_or_default().max(1);
    (first.max(1)..last).step_by(step).chain((last > 0).then_some(last))
}
