use std::process::ExitCode;

use event_store::log;
use projector::PROJECTIONS;
use serde_json::json;
use sqlx::PgPool;

/// Tells how far each projection has got.
pub(crate) async fn run(pool: &PgPool, json: bool) -> anyhow::Result<ExitCode> {
    let head = log::head(pool).await?;
    let rows = sqlx::query!(
        r#"select c.name, c.version, c.status, c.position, c.stopped_at_position, c.error, l.holder as "holder?",
                  (l.expires_at > clock_timestamp()) as held
           from projection.checkpoints c left join leases l on l.name = 'projection/' || c.name
           order by c.name"#
    )
    .fetch_all(pool)
    .await?;
    if !json {
        println!("log {} ends at {}", head.log_id, head.position);
        println!("{:<18} {:<11} {:>10} {:>8}  {:<8} keeper", "projection", "status", "position", "lag", "version");
    }
    for row in rows {
        let lag = head.position - row.position;
        let keeper = row.holder.filter(|_| row.held.unwrap_or(false));
        if json {
            println!(
                "{}",
                json!({ "projection": row.name, "status": row.status, "position": row.position, "head": head.position, "lag": lag,
                        "version": row.version, "keeper": keeper, "stopped_at_position": row.stopped_at_position, "error": row.error })
            );
            continue;
        }
        println!(
            "{:<18} {:<11} {:>10} {lag:>8}  {:<8} {}",
            row.name,
            row.status,
            row.position,
            row.version,
            keeper.as_deref().unwrap_or("-")
        );
        if let Some(error) = row.error {
            let at = row.stopped_at_position.map_or_else(String::new, |position| format!(" at {position}"));
            println!("{:<18} stopped{at}: {error}", "");
        }
    }
    for projection in PROJECTIONS {
        if !json && projectionless(pool, projection.name()).await? {
            println!("{:<18} not made yet; a projector makes it", projection.name());
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn projectionless(pool: &PgPool, name: &str) -> Result<bool, sqlx::Error> {
    Ok(projector::Checkpoint::find(pool, name).await?.is_none())
}
