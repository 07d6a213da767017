use std::process::ExitCode;

use event_store::FeedSource;
use projector::rebuild::RebuildSettings;
use projector::{AnyProjection, PROJECTIONS, find};

use crate::progress::Reporter;

/// Rebuilds projections one after another.
pub(crate) async fn run(source: &FeedSource, names: &[String], all: bool, json: bool) -> anyhow::Result<ExitCode> {
    let wanted: Vec<&'static dyn AnyProjection> =
        if all { PROJECTIONS.to_vec() } else { names.iter().filter_map(|name| find(name)).collect() };
    let settings =
        RebuildSettings { holder: format!("replay-tool-{}", platform::clock::new_id()), ..RebuildSettings::default() };
    for projection in wanted {
        let reporter = Reporter::new(projection.name(), json);
        let progress = projection.rebuild(source, &settings, &|progress| reporter.report(progress)).await?;
        reporter.done(progress);
    }
    Ok(ExitCode::SUCCESS)
}
