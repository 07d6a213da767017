//! The operator's tool. Exit codes: 0 ok, 1 failed, 2 usage, 3 differences found, 4 busy or wrong schema, 69 unreachable,
//! 130 interrupted (what was done is kept, the next run goes on from there).

use std::process::ExitCode;

use clap::Parser as _;
use replay_tool::{Tool, failure, run};

#[tokio::main]
async fn main() -> ExitCode {
    let tool = Tool::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::WARN).init();
    tokio::select! {
        result = run(tool) => match result {
            Ok(outcome) => outcome,
            Err(error) => failure(&error),
        },
        _ = tokio::signal::ctrl_c() => {
            eprintln!("interrupted; the next run goes on from here");
            ExitCode::from(130)
        }
    }
}
