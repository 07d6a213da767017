//! Aggregates in memory: what a command is decided on.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use futures::FutureExt as _;
use uuid::Uuid;

use crate::fence::Fence;

/// Which stream a command is for.
pub struct Target<A> {
    pub(crate) id: String,
    pub(crate) is_new: bool,
    aggregate: PhantomData<fn() -> A>,
}

impl<A> Target<A> {
    /// A stream that is loaded before the command is decided.
    pub fn existing(id: impl Into<String>) -> Self {
        Self { id: id.into(), is_new: false, aggregate: PhantomData }
    }

    /// A stream that is taken to be empty, which saves loading it. If it is not, the append finds out, and the command is decided again.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), is_new: true, aggregate: PhantomData }
    }
}

impl<A> fmt::Debug for Target<A> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Target").field("id", &self.id).field("is_new", &self.is_new).finish()
    }
}

/// A state, and the sequence and the id of the last event in it; nil if there is none.
pub(crate) struct Version<A> {
    pub(crate) state: Arc<A>,
    pub(crate) sequence: i64,
    pub(crate) event_id: Uuid,
}

impl<A: Default> Version<A> {
    pub(crate) fn empty() -> Self {
        Self { state: Arc::default(), sequence: 0, event_id: Uuid::nil() }
    }
}

impl<A> Clone for Version<A> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), ..*self }
    }
}

/// An aggregate in memory. `latest` may be ahead of the log; `durable` is not, and there is none while the stream is only taken to be
/// empty.
pub(crate) struct Loaded<A> {
    pub(crate) latest: Version<A>,
    pub(crate) durable: Option<Version<A>>,
    pub(crate) fence: Arc<Fence>,
}

impl<A> Loaded<A> {
    /// Whether a command for `target` may be decided on this.
    pub(crate) fn serves(&self, target: &Target<A>) -> bool {
        let only_assumed = self.durable.is_none() && self.latest.sequence == 0;
        !self.fence.is_broken() && (target.is_new || !only_assumed)
    }
}

/// A place in the cache. Empty until the stream has been loaded.
pub(crate) struct Entry<A>(Mutex<Option<Loaded<A>>>);

impl<A> Default for Entry<A> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<A> Entry<A> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Loaded<A>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry as the cache keeps it, whatever its aggregate.
pub(crate) type AnyEntry = Arc<dyn Any + Send + Sync>;

/// A state that a command is being decided on, and the events decided so far.
pub struct Draft<A: Aggregate> {
    pub(crate) base: Version<A>,
    pub(crate) decided: Option<Arc<A>>,
    pub(crate) events: Vec<A::Event>,
    /// `handle` waited for something: nothing that was decided counts.
    pub(crate) waits: bool,
}

impl<A: Aggregate<Services = ()> + Clone> Draft<A> {
    pub(crate) fn on(base: Version<A>) -> Self {
        Self { base, decided: None, events: Vec::new(), waits: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn count(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    /// The state with all that has been decided so far.
    #[must_use]
    pub fn state(&self) -> &A {
        self.decided.as_ref().unwrap_or(&self.base.state)
    }

    /// Decides one more command and returns its events.
    ///
    /// `handle` is polled once: a decision has nothing to wait for. One that waits all the same is an error of the whole command.
    ///
    /// # Errors
    /// The aggregate's refusal; then nothing of this command remains in the draft.
    pub fn handle(&mut self, command: A::Command) -> Result<&[A::Event], A::Error> {
        let mut state = self.state().clone();
        let sink = EventSink::default();
        let Some(decided) = state.handle(command, &(), &sink).now_or_never() else {
            self.waits = true;
            return Ok(&[]);
        };
        decided?;
        // The sink applied each event to `state` when it was written: it must not be applied again.
        self.events.extend(sink.collect().now_or_never().unwrap_or_default());
        self.decided = Some(Arc::new(state));
        Ok(&self.events)
    }
}
