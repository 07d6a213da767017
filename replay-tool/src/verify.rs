use std::process::ExitCode;

use event_store::{FeedSource, log};
use serde_json::json;
use sqlx::PgPool;

use crate::DIFFERENCES;
use crate::out::say;

/// Messages of the stream whose event is looked up, besides the first and the last.
const SAMPLES: u64 = 64;

/// A question about the system's state, and what was found wrong.
struct Check {
    what: &'static str,
    wrong: Vec<String>,
}

/// Checks that the log is what it promises to be, and that everything made from it is.
pub(crate) async fn run(source: &FeedSource, json: bool) -> anyhow::Result<ExitCode> {
    let checks = [
        dense(&source.pool).await?,
        streams(&source.pool).await?,
        checkpoints(&source.pool).await?,
        stream(source).await?,
    ];
    let mut sound = true;
    for Check { what, wrong } in &checks {
        sound &= wrong.is_empty();
        if json {
            say!("{}", json!({ "check": what, "ok": wrong.is_empty(), "wrong": wrong }));
        } else if wrong.is_empty() {
            say!("ok     {what}");
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
    Ok(Check { what: "the log is dense", wrong })
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
    Ok(Check { what: "every stream's sequences follow one another", wrong: wrong.collect() })
}

async fn checkpoints(pool: &PgPool) -> Result<Check, sqlx::Error> {
    let rows = sqlx::query!(
        "select name, position, status, error from projection.checkpoints
         where status = 'stopped' or position > (select position from log_head) or log_id <> (select log_id from log_head)"
    )
    .fetch_all(pool)
    .await?;
    let wrong = rows.into_iter().map(|row| match row.error {
        Some(error) => format!("{} has stopped at {}: {error}", row.name, row.position),
        None => format!("{} stands at {}, which is not of this log", row.name, row.position),
    });
    Ok(Check { what: "every projection stands somewhere in this log", wrong: wrong.collect() })
}

async fn stream(source: &FeedSource) -> anyhow::Result<Check> {
    let what = "the stream's sequences are the log's positions";
    let Some(client) = &source.nats else {
        return Ok(Check { what: "the stream: not looked at, there is no ANNALS_NATS_URL", wrong: Vec::new() });
    };
    let stream = match async_nats::jetstream::new(client.clone()).get_stream(&source.stream).await {
        Ok(stream) => stream,
        Err(error) => {
            return Ok(Check { what, wrong: vec![format!("the stream {} cannot be read: {error}", source.stream)] });
        }
    };
    let state = stream.get_info().await?.state;
    let head = log::head(&source.pool).await?;
    let mut wrong = Vec::new();
    if i64::try_from(state.last_sequence) != Ok(head.position) {
        wrong.push(format!("the stream ends at {}, the log at {}", state.last_sequence, head.position));
    }
    if state.messages > 0 && state.last_sequence - state.first_sequence + 1 != state.messages {
        wrong.push(format!(
            "the stream has {} messages from {} to {}",
            state.messages, state.first_sequence, state.last_sequence
        ));
    }
    for sequence in samples(state.first_sequence, state.last_sequence) {
        let message = stream.get_raw_message(sequence).await?;
        let events = log::read(&source.pool, i64::try_from(sequence)? - 1, 1).await?;
        let id = message.headers.get("ce-id").map(async_nats::HeaderValue::as_str);
        if events.first().map(|event| event.event_id.to_string()).as_deref() != id {
            wrong.push(format!("message {sequence} is not the log's event there"));
        }
    }
    Ok(Check { what, wrong })
}

/// The first, the last, and some between, evenly spread.
fn samples(first: u64, last: u64) -> impl Iterator<Item = u64> {
    let step = usize::try_from((last.saturating_sub(first)) / SAMPLES).unwrap_or_default().max(1);
    (first.max(1)..last).step_by(step).chain((last > 0).then_some(last))
}
