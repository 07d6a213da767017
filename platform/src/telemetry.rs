//! Logs as JSON lines, and metrics for Prometheus.

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

pub use metrics_exporter_prometheus::PrometheusHandle;
use tracing_subscriber::EnvFilter;

/// Upper bounds of the histograms of durations, in seconds.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of all other histograms: sizes.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0];

/// Starts logging (level from `RUST_LOG`, `info` without it) and metrics. Call once, in `main`.
///
/// # Errors
/// When it has been called before.
pub fn start() -> anyhow::Result<PrometheusHandle> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| anyhow::anyhow!("logging was started before: {error}"))?;
    recorder()
}

/// Starts metrics alone.
///
/// # Errors
/// When there is a recorder already.
pub fn recorder() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets(SIZES)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()
        .context("metrics were started before")?;
    metrics::describe_histogram!(
        "annals_http_request_seconds",
        "Time from request to answer, by method, route and status."
    );
    crate::connections::describe_metrics();
    Ok(handle)
}
