//! Compares what the read models answer with reference answers, number by number.

mod documents;
mod figures;
mod mapped;

use std::path::Path;
use std::process::ExitCode;

use super::reference::{Comparison, read};
use crate::Apis;
use crate::client::Annals;

/// What the reference has and the read models do not answer, and why.
const NOT_ASKED: &[&str] = &[
    "checkpoints_after_lines, line numbers of rejected refunds: they count rows of the file; the log has an order of its own",
    "first_time, last_time, anomalies: they describe the file, not the business",
    "refund_check.by_stock_code_only_all_customers, cancellations_that_mirror…: other rules than the one that is decided",
    "last_description of products with corrections of stock: the file has the reason in its place, which describes no product",
    "per_invoice of adjustments: they are movements of stock, each with its document's number, not documents",
];

pub(crate) async fn run(apis: &Apis, reference: &Path) -> anyhow::Result<ExitCode> {
    let (answers, tables) = read(reference)?;
    let annals = Annals::new(apis)?;
    annals.settled().await?;
    let mut comparison = Comparison::default();
    let figures = figures::Figures::read(&annals).await?;
    figures.compare(&answers, tables.as_ref(), &mut comparison);
    documents::compare(&annals, &answers, tables.as_ref(), &mut comparison).await?;
    println!("{} numbers compared, {} differences", comparison.compared, comparison.different);
    println!("Not asked for:");
    for reason in NOT_ASKED {
        println!("  {reason}");
    }
    Ok(if comparison.different == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
