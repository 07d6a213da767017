use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use projector::decisions::{self, Decision};
use serde_json::json;
use sqlx::PgPool;

use crate::out::say;

/// Longest reason, in characters.
const LONGEST: usize = 500;

/// What is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    Skip(i64),
    Unskip(i64),
    Resume,
}

/// Who decides, and why: kept for ever.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why, for whoever asks in years.
    #[arg(long)]
    reason: String,
    /// Who.
    #[arg(long, env = "USER")]
    operator: Option<String>,
}

/// Puts a decision on record and lets it have its effect.
pub(crate) async fn run(pool: &PgPool, name: &str, what: What, why: &Why, json: bool) -> anyhow::Result<ExitCode> {
    let operator = why.operator.as_deref().context("who decides? give --operator NAME")?;
    for (text, of) in [(why.reason.as_str(), "--reason"), (operator, "--operator")] {
        let length = text.trim().chars().count();
        if length == 0 || length > LONGEST || text.chars().any(char::is_control) {
            bail!("{of} must be 1 to {LONGEST} printable characters");
        }
    }
    let decision = Decision { name, operator, reason: why.reason.trim() };
    let (action, position, effect) = match what {
        What::Skip(position) => {
            decisions::skip(pool, &decision, position).await?;
            ("skip", Some(position), "it goes on after it within a second, and rebuilds leave it out, too")
        }
        What::Unskip(position) => {
            decisions::unskip(pool, &decision, position).await?;
            ("unskip", Some(position), "the next rebuild applies it")
        }
        What::Resume => {
            decisions::resume(pool, &decision).await?;
            ("resume", None, "it tries again within a second")
        }
    };
    let at = position.map_or_else(String::new, |position| format!(" {position}"));
    let line = if json {
        json!({ "projection": name, "decision": action, "position": position, "operator": operator, "reason": decision.reason }).to_string()
    } else {
        format!("{name}: {action}{at} is on record; {effect}")
    };
    say!("{line}");
    Ok(ExitCode::SUCCESS)
}
