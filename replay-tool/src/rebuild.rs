use std::process::ExitCode;

use event_store::FeedSource;
use projector::rebuild::{RebuildError, RebuildSettings};
use projector::{AnyProjection, PROJECTIONS, find};
use tokio_util::sync::CancellationToken;

use crate::progress::Reporter;

/// Rebuilds projections one after another. One that cannot be rebuilt does not keep the others from it.
pub(crate) async fn run(
    source: &FeedSource,
    names: &[String],
    all: bool,
    (json, stop): (bool, CancellationToken),
) -> anyhow::Result<ExitCode> {
    let wanted: Vec<&'static dyn AnyProjection> =
        if all { PROJECTIONS.to_vec() } else { names.iter().filter_map(|name| find(name)).collect() };
    let holder = format!("replay-tool-{}", platform::clock::new_id());
    let settings = RebuildSettings { holder, stop, ..RebuildSettings::default() };
    let mut failed = None;
    let count = wanted.len();
    for projection in wanted {
        let reporter = Reporter::new(projection.name(), json);
        match projection.rebuild(source, &settings, &|progress| reporter.report(progress)).await {
            Ok(progress) => reporter.done(progress)?,
            Err(error @ RebuildError::Interrupted) => return Err(error.into()),
            Err(error) => {
                reporter.failed(&error)?;
                failed = Some(error);
            }
        }
    }
    match failed {
        None => Ok(ExitCode::SUCCESS),
        Some(error) if count == 1 => Err(error.into()),
        Some(_) => Ok(ExitCode::FAILURE),
    }
}
