//! A turn at deciding again, for those who lost a race to another process.
//!
//! A busy process has its next commit waiting whenever the log becomes free. One that lost has to read what it lost to first, is late again,
//! and would lose for as long as the load lasts. So those who lost decide while the log is held for them, and win.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::mpsc;

/// How long the log is held for those who lost. Reading and deciding take a few milliseconds.
const LONGEST: Duration = Duration::from_millis(100);

/// Kept by one who lost until it has decided again.
#[derive(Debug, Default)]
pub(crate) struct Turn(Option<mpsc::Sender<Infallible>>);

impl Turn {
    /// It has queued up again, or will not.
    pub(crate) fn end(&mut self) {
        self.0 = None;
    }
}

/// Gives out turns.
pub(crate) struct Turns {
    given: mpsc::Sender<Infallible>,
    ended: mpsc::Receiver<Infallible>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        let (given, ended) = mpsc::channel(1);
        Self { given, ended }
    }

    pub(crate) fn give(&self) -> Turn {
        Turn(Some(self.given.clone()))
    }

    /// Waits until each turn has ended, though not for one that takes too long.
    pub(crate) async fn end(mut self) {
        drop(self.given);
        let _ = tokio::time::timeout(LONGEST, self.ended.recv()).await;
    }
}
