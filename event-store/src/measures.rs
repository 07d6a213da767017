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
    describe_gauge!(
        "annals_relay_leading",
        Unit::Count,
        "1 where this process relays the log to JetStream, 0 where it stands by."
    );
    describe_gauge!("annals_relay_position", Unit::Count, "The last event that is in the stream.");
    describe_gauge!("annals_relay_lag_events", Unit::Count, "Events of the log that are not in the stream yet.");
    describe_counter!("annals_relay_published_total", Unit::Count, "Events published to the stream.");
    describe_counter!("annals_relay_resets_total", Unit::Count, "Times that the relay began again after an error.");
    describe_counter!(
        "annals_relay_remade_total",
        Unit::Count,
        "Times that the stream was made anew because messages were missing."
    );
    describe_counter!("annals_relay_reconfigured_total", Unit::Count, "Times that the stream's set-up was put back.");
    describe_counter!("annals_feed_events_total", Unit::Count, "Events that came from JetStream, or from Postgres.");
    describe_counter!(
        "annals_feed_holes_total",
        Unit::Count,
        "Times that JetStream delivered something else than the next event."
    );
    describe_counter!(
        "annals_feed_foreign_total",
        Unit::Count,
        "Times that JetStream delivered what is not in the log."
    );
}
