//! What this crate counts and measures, in one place, so that every metric has its HELP text.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Registers the HELP texts of all metrics of this crate. Call it once, after the recorder has been installed.
pub fn describe_metrics() {
    describe_histogram!(
        "annals_append_batch_size",
        Unit::Count,
        "Commits in one call of `append`: how well callers share commits."
    );
    describe_histogram!(
        "annals_append_seconds",
        Unit::Seconds,
        "Time from taking a batch to its commit, tries after a lost connection included."
    );
    describe_gauge!("annals_append_queue", Unit::Count, "Commits that waited when the last batch was taken.");
    describe_gauge!(
        "annals_append_oldest_seconds",
        Unit::Seconds,
        "How long the oldest commit has been waiting to be appended; it grows while the log takes nothing."
    );
    describe_counter!("annals_append_retries_total", Unit::Count, "Calls of `append` that got no answer.");
    describe_counter!(
        "annals_commits_total",
        Unit::Count,
        "Commits by outcome: appended, conflict, duplicate, key_reused."
    );
    describe_counter!("annals_events_appended_total", Unit::Count, "Events appended by this process.");
    describe_counter!("annals_overloaded_total", Unit::Count, "Commands turned away because the queue was full.");
    describe_counter!("annals_stalled_total", Unit::Count, "Commands turned away because the log took nothing.");
    describe_counter!("annals_cache_flushed_total", Unit::Count, "Times that all aggregates in memory were forgotten.");
}
