//! Loads a file. Progress is told and written down; a load that was broken off goes on where it stopped.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::overview::Overview;
use super::plan::Plan;
use super::rows;
use crate::Apis;
use crate::client::{Annals, Answer, Command};

/// Commands in one request.
const WINDOW: usize = 2000;

pub(crate) async fn run(apis: &Apis, file: &Path, state: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let annals = Annals::new(apis)?;
    let digest = rows::digest(file)?;
    let state = state.unwrap_or_else(|| PathBuf::from(format!(".dev/demo/{digest}")));
    let commands = || anyhow::Ok(Plan::new(Overview::of(rows::read(file)?)?, rows::read(file)?));
    let total = commands()?.count();
    let done = std::fs::read_to_string(&state).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if done > 0 {
        eprintln!("{done} of {total} commands were answered before; going on from there");
    }
    let mut progress = Progress::new(total, done);
    let mut refused = 0;
    let mut sent = done;
    let mut window = Vec::with_capacity(WINDOW);
    for command in commands()?.skip(done) {
        window.push(command?);
        if window.len() == WINDOW {
            refused += send(&annals, &digest, &mut window, &mut sent, &state).await?;
            progress.at(sent);
        }
    }
    refused += send(&annals, &digest, &mut window, &mut sent, &state).await?;
    progress.end(sent);
    println!("{total} commands answered, {refused} refused unexpectedly");
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn send(
    annals: &Annals,
    digest: &str,
    window: &mut Vec<Command>,
    sent: &mut usize,
    state: &Path,
) -> anyhow::Result<usize> {
    let first = *sent;
    let answers = annals.send(window, |number| format!("{digest}-{}", first + number)).await?;
    let mut refused = 0;
    for (command, answer) in window.iter().zip(&answers).filter(|(_, answer)| !is_expected(answer)) {
        refused += 1;
        eprintln!("refused: {} {}: {} {}", command.path, command.body, answer.status, answer.body);
    }
    *sent += window.len();
    window.clear();
    if let Some(directory) = state.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(state, sent.to_string()).with_context(|| format!("could not write {}", state.display()))?;
    Ok(refused)
}

/// Done, or there already from an earlier load.
fn is_expected(answer: &Answer) -> bool {
    answer.is_ok()
        || (answer.status == 409 && (answer.code().ends_with("_exists") || answer.code() == "sales.sale_complete"))
}

/// How far the load has got: a bar on a terminal, a line now and then without one.
struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    first: usize,
    began: Instant,
    told: Instant,
}

impl Progress {
    fn new(total: usize, done: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(total).unwrap_or_default());
            let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {percent}% {per_sec} ETA {eta}");
            style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
        });
        Self { bar, total, first: done, began: Instant::now(), told: Instant::now() }
    }

    fn at(&mut self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(u64::try_from(done).unwrap_or_default());
        } else if self.told.elapsed() > Duration::from_secs(2) {
            self.told = Instant::now();
            self.line(done);
        }
    }

    fn end(&self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.line(done);
    }

    #[expect(clippy::cast_precision_loss, reason = "for display")]
    fn line(&self, done: usize) {
        let rate = (done - self.first) as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let left = if rate > 0.0 { (self.total - done) as f64 / rate } else { 0.0 };
        let share = 100.0 * done as f64 / self.total.max(1) as f64;
        eprintln!("{done} of {} commands ({share:.0} %), {rate:.0} commands/s, {left:.0} s left", self.total);
    }
}
