//! Answers that wait until the client reads them. A client may send all before it reads anything: its answers are kept for it, up to a
//! bound. Beyond it nothing more is read from that client until it takes some.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinError;

/// What another request frees is not announced here; so it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Bytes of answers that may wait.
#[derive(Clone)]
pub(super) struct Bound {
    one: usize,
    all: usize,
    waiting: Arc<AtomicUsize>,
}

impl Bound {
    /// Of one request, and of all together.
    pub(super) fn new(one: usize, all: usize) -> Self {
        Self { one, all, waiting: Arc::default() }
    }
}

/// Bytes of one request that wait, and give back their room at the end, read or not.
struct Waiting {
    bound: Bound,
    bytes: AtomicUsize,
    taken: Notify,
}

impl Waiting {
    /// One answer has room in any case, so that each request goes on as fast as its client reads.
    fn has_room(&self, more: usize) -> bool {
        let own = self.bytes.load(Ordering::Relaxed);
        own == 0
            || (own + more <= self.bound.one && self.bound.waiting.load(Ordering::Relaxed) + more <= self.bound.all)
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bound.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    fn take(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.bound.waiting.fetch_sub(bytes, Ordering::Relaxed);
        self.taken.notify_one();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.bound.waiting.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// Where answers are put.
pub(super) struct Answers {
    waiting: Arc<Waiting>,
    sender: mpsc::UnboundedSender<Result<Bytes, JoinError>>,
}

/// The client takes no more answers.
pub(super) struct Gone;

/// A queue of answers, and the body that they become.
pub(super) fn queue(bound: Bound) -> (Answers, impl Stream<Item = Result<Bytes, JoinError>> + Send + 'static) {
    let waiting = Arc::new(Waiting { bound, bytes: AtomicUsize::new(0), taken: Notify::new() });
    let (sender, receiver) = mpsc::unbounded_channel();
    let taken = futures::stream::unfold((receiver, Arc::clone(&waiting)), async |(mut receiver, waiting)| {
        let answer: Result<Bytes, JoinError> = receiver.recv().await?;
        waiting.take(answer.as_ref().map_or(0, Bytes::len));
        Some((answer, (receiver, waiting)))
    });
    (Answers { waiting, sender }, taken)
}

impl Answers {
    /// Puts an answer in line, as soon as there is room for it.
    pub(super) async fn put(&self, answer: Result<Bytes, JoinError>) -> Result<(), Gone> {
        let bytes = answer.as_ref().map_or(0, Bytes::len);
        while !self.waiting.has_room(bytes) {
            tokio::select! {
                () = self.waiting.taken.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.sender.closed() => return Err(Gone),
            }
        }
        self.waiting.add(bytes);
        self.sender.send(answer).map_err(|_| Gone)
    }
}
