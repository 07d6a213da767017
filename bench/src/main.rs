//! Measurements, each beside its peer in the same run, reported as ratios. No test: figures depend on the machine.

mod appends;
mod growth;
mod http;
mod latency;
mod log;
mod peer;
mod rebuild;
mod report;

use clap::{Parser, ValueEnum};

use report::Report;

/// Measures Annals beside its peers. Needs a Postgres to make databases in, and the release binaries beside this one.
#[derive(Parser)]
struct Bench {
    /// What to measure; everything but `growth` if not given.
    #[arg(value_enum)]
    what: Vec<What>,
    /// A superuser's address; databases of its own are made there and dropped.
    #[arg(long, env = "DATABASE_URL")]
    database_url: String,
    /// Where the figures go as JSON.
    #[arg(long, default_value = "bench.json")]
    json: String,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// One event each, 64 callers, streams of their own; and many callers on one stream.
    Appends,
    /// Commands over HTTP.
    Http,
    /// A read model from scratch.
    Rebuild,
    /// Acknowledged to visible.
    Latency,
    /// Cost at 100 thousand events beside that at 10 million; takes many minutes.
    Growth,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bench = Bench::parse();
    let what =
        if bench.what.is_empty() { vec![What::Appends, What::Http, What::Rebuild, What::Latency] } else { bench.what };
    let mut report = Report::default();
    for what in what {
        match what {
            What::Appends => appends::run(&bench.database_url, bench.seconds, &mut report).await?,
            What::Http => http::run(bench.seconds, &mut report).await?,
            What::Rebuild => rebuild::run(&bench.database_url, &mut report).await?,
            What::Latency => latency::run(bench.seconds, &mut report).await?,
            What::Growth => growth::run(&bench.database_url, &mut report).await?,
        }
    }
    report.print();
    report.write(&bench.json)
}
