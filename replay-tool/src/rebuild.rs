use std::process::ExitCode;

use anyhow::anyhow;
use event_store::FeedSource;
use projector::rebuild::RebuildSettings;
use projector::{AnyProjection, PROJECTIONS, find};

use crate::progress::Reporter;

/// Rebuilds projections one after another.
pub(crate) async fn run(source: &FeedSource, names: &[String], all: bool, json: bool) -> anyhow::Result<ExitCode> {
    let wanted: Vec<&'static dyn AnyProjection> = if all {
        PROJECTIONS.to_vec()
    } else {
        names.iter().map(|name| find(name).ok_or_else(|| unknown(name))).collect::<anyhow::Result<_>>()?
    };
    let settings =
        RebuildSettings { holder: format!("replay-tool-{}", platform::clock::new_id()), ..RebuildSettings::default() };
    for projection in wanted {
        let reporter = Reporter::new(projection.name(), json);
        let progress = projection.rebuild(source, &settings, &|progress| reporter.report(progress)).await?;
        reporter.done(progress);
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> anyhow::Error {
    let names: Vec<_> = PROJECTIONS.iter().map(|projection| projection.name()).collect();
    anyhow!("there is no projection {name}; there are {}", names.join(", "))
}
