use std::process::ExitCode;

use chrono::{DateTime, Utc};
use event_store::log;
use projector::{PROJECTIONS, find};
use serde_json::json;
use sqlx::PgPool;

use crate::out::say;

/// A projection as the database knows it.
struct Known {
    name: String,
    version: i32,
    status: String,
    position: i64,
    stopped_at_position: Option<i64>,
    stopped_event_type: Option<String>,
    stopped_since: Option<DateTime<Utc>>,
    error: Option<String>,
    keeper: Option<String>,
}

/// Tells how far each projection has got, which have stopped and why, and what was decided about them.
pub(crate) async fn run(pool: &PgPool, json: bool) -> anyhow::Result<ExitCode> {
    let head = log::head(pool).await?;
    let known = sqlx::query_as!(
        Known,
        r#"select c.name, c.version, c.status, c.position, c.stopped_at_position, c.stopped_event_type, c.stopped_since, c.error,
                  case when l.expires_at > clock_timestamp() then l.holder end as keeper
           from projection.checkpoints c left join public.leases l on l.name = 'projection/' || c.name
           order by c.name"#
    );
    let known = known.fetch_all(pool).await?;
    if !json {
        say!("log {} ends at {}", head.log_id, head.position);
        say!("{:<18} {:<11} {:>10} {:>8}  {:<8} keeper", "projection", "status", "position", "lag", "version");
    }
    for projection in known {
        let lag = head.position - projection.position;
        if json {
            projection.as_json(head.position, lag)?;
        } else {
            projection.as_text(lag)?;
        }
    }
    decisions(pool, json).await?;
    missing_and_left_over(pool, json).await?;
    Ok(ExitCode::SUCCESS)
}

impl Known {
    fn as_json(&self, head: i64, lag: i64) -> anyhow::Result<()> {
        let line = json!({ "projection": self.name, "status": self.status, "position": self.position, "head": head, "lag": lag,
                           "version": self.version, "keeper": self.keeper, "stopped_at_position": self.stopped_at_position,
                           "stopped_event_type": self.stopped_event_type, "stopped_since": self.stopped_since, "error": self.error });
        say!("{line}");
        Ok(())
    }

    fn as_text(&self, lag: i64) -> anyhow::Result<()> {
        let Self { name, version, status, position, .. } = self;
        let keeper = self.keeper.as_deref().unwrap_or("-");
        say!("{name:<18} {status:<11} {position:>10} {lag:>8}  {version:<8} {keeper}");
        if let Some(error) = &self.error {
            let of = self.stopped_event_type.as_ref().filter(|of| !of.is_empty());
            let of = of.map_or_else(String::new, |of| format!(" ({of})"));
            let at = self.stopped_at_position.map_or_else(String::new, |position| format!(" at {position}{of}"));
            let since =
                self.stopped_since.map_or_else(String::new, |since| format!(" since {}", since.format("%F %T UTC")));
            say!("{:<18} stopped{at}{since}: {error}", "");
        }
        if let Some(position) = self.stopped_at_position {
            say!(
                "{:<18} next: replay-tool skip {name} --position {position} --reason …, or resume after a new release",
                ""
            );
        }
        if find(name).is_some_and(|projection| projection.version() != *version) {
            say!("{:<18} this program makes another version: replay-tool rebuild {name}", "");
        }
        Ok(())
    }
}

async fn missing_and_left_over(pool: &PgPool, json: bool) -> anyhow::Result<()> {
    for projection in PROJECTIONS.iter().map(|projection| projection.name()) {
        if !json && projector::Checkpoint::find(pool, projection).await?.is_none() {
            say!("{projection:<18} not made yet; a projector makes it");
        }
        for left in projector::schema::leftovers(pool, projection).await? {
            if json {
                say!("{}", json!({ "leftover": left, "of": projection }));
            } else {
                say!("{left:<18} left over from a rebuild; the next rebuild of {projection} drops it");
            }
        }
    }
    Ok(())
}

/// What operators have decided, the newest last.
async fn decisions(pool: &PgPool, json: bool) -> anyhow::Result<()> {
    let decided = sqlx::query!(
        "select name, action, position, reason, operator, role, decided_at from projection.decisions order by decision"
    );
    for row in decided.fetch_all(pool).await? {
        if json {
            say!(
                "{}",
                json!({ "decision": row.action, "projection": row.name, "position": row.position, "reason": row.reason,
                        "operator": row.operator, "role": row.role, "decided_at": row.decided_at })
            );
        } else {
            let at = row.position.map_or_else(String::new, |position| format!(" {position}"));
            say!(
                "{:<18} {}{at} by {} on {}: {}",
                row.name,
                row.action,
                row.operator,
                row.decided_at.format("%F %T UTC"),
                row.reason
            );
        }
    }
    Ok(())
}
