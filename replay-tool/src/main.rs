//! The operator's tool. Exit codes: 0 ok, 1 failed, 2 usage, 3 differences found, 4 busy or wrong schema, 69 unreachable,
//! 130 interrupted (what was done is kept, the next run goes on from there).

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use replay_tool::{Tool, failure, remark, run};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long an interrupted command has to let go of what it holds.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Cancels `stop` at Ctrl-C or SIGTERM.
async fn interrupt(stop: CancellationToken) {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminated => {} }
    stop.cancel();
}

#[tokio::main]
async fn main() -> ExitCode {
    let tool = Tool::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN).init();
    let stop = CancellationToken::new();
    tokio::spawn(interrupt(stop.clone()));
    tokio::select! {
        result = run(tool, stop.clone()) => match result {
            Ok(outcome) => outcome,
            Err(error) => failure(&error),
        },
        // What can be broken off well does so by itself; all else has nothing to put away.
        () = async { stop.cancelled().await; tokio::time::sleep(LEAVE_WITHIN).await } => {
            remark("interrupted; the next run goes on from here");
            ExitCode::from(130)
        }
    }
}
