//! How far a rebuild is: a bar on a terminal, a line now and then without one, JSON lines for machines.

use std::io::{self, IsTerminal as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use projector::rebuild::{Progress, RebuildError};
use serde_json::json;

use crate::out::{line, remark, say};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(2);

pub(crate) struct Reporter {
    name: &'static str,
    json: bool,
    bar: Option<ProgressBar>,
    began: Instant,
    state: Mutex<State>,
}

struct State {
    first: Option<i64>,
    told: Instant,
}

impl Reporter {
    pub(crate) fn new(name: &'static str, json: bool) -> Self {
        let bar = (!json && std::io::stderr().is_terminal()).then(|| {
            let style =
                ProgressStyle::with_template("{prefix:10} {bar:40} {human_pos}/{human_len} {per_sec} ETA {eta}");
            let bar = ProgressBar::new(0).with_prefix(name);
            style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
        });
        let state = Mutex::new(State { first: None, told: Instant::now() });
        Self { name, json, bar, began: Instant::now(), state }
    }

    pub(crate) fn report(&self, Progress { position, head }: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_length(u64::try_from(head).unwrap_or_default());
            bar.set_position(u64::try_from(position).unwrap_or_default());
            return;
        }
        let Ok(mut state) = self.state.lock() else { return };
        let first = *state.first.get_or_insert(position);
        if state.told.elapsed() < EVERY {
            return;
        }
        state.told = Instant::now();
        let rate = rate(position - first, self.began.elapsed());
        let left = if rate > 0.0 { to_float(head - position) / rate } else { 0.0 };
        if self.json {
            // Only how it goes: whoever does not read it any more hears of the end.
            let _ = line(format!(
                "{}",
                json!({ "projection": self.name, "position": position, "head": head, "events_per_second": rate.round(), "seconds_left": left.round() })
            ));
        } else {
            remark(format!("{}: {position} of {head} events, {rate:.0} events/s, {left:.0} s left", self.name));
        }
    }

    /// Tells why it did not come to its end.
    pub(crate) fn failed(&self, error: &RebuildError) -> io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.json {
            say!("{}", json!({ "projection": self.name, "rebuilt": false, "error": error.to_string() }));
        }
        remark(format!("{}: not rebuilt, what was live stays: {error}", self.name));
        Ok(())
    }

    pub(crate) fn done(&self, Progress { position, .. }: Progress) -> io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.began.elapsed().as_secs_f64();
        if self.json {
            say!("{}", json!({ "projection": self.name, "rebuilt": true, "position": position, "seconds": seconds }));
        } else {
            say!(
                "{}: rebuilt up to {position} in {seconds:.2} s ({:.0} events/s)",
                self.name,
                rate(position, self.began.elapsed())
            );
        }
        Ok(())
    }
}

fn rate(events: i64, time: Duration) -> f64 {
    to_float(events) / time.as_secs_f64().max(0.001)
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn to_float(count: i64) -> f64 {
    count as f64
}
