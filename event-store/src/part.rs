//! One stream's part in a command: what it was decided on, and how its new state gets into memory.

use std::sync::Arc;

use cqrs_es::{Aggregate, DomainEvent as _};
use serde_json::value::to_raw_value;
use uuid::Uuid;

use crate::commit::{NewEvent, StreamCommit};
use crate::deadline::Bounded;
use crate::fence::Fence;
use crate::load::{Standing, Tip};
use crate::stream::{Draft, Entry, Loaded, Target, Version};
use crate::{LogError, Receipt, load};

pub(crate) struct Part<A: Aggregate> {
    pub(crate) id: String,
    pub(crate) entry: Arc<Entry<A>>,
    pub(crate) draft: Draft<A>,
    fence: Arc<Fence>,
    /// The id of its last event, once it has been written to a commit.
    last: Uuid,
}

impl<A: Aggregate<Services = ()> + Clone> Part<A> {
    /// Decides on what is in memory; `None` when that is nothing, or nothing that may be believed.
    pub(crate) fn of(entry: &Arc<Entry<A>>, target: &Target<A>) -> Option<Self> {
        let slot = entry.lock();
        let loaded = slot.as_ref().filter(|loaded| loaded.serves(target))?;
        let (draft, fence) = (Draft::on(loaded.latest.clone()), Arc::clone(&loaded.fence));
        drop(slot);
        Some(Self { id: target.id.clone(), entry: Arc::clone(entry), draft, fence, last: Uuid::nil() })
    }

    pub(crate) fn key(&self) -> (&'static str, &str) {
        (A::TYPE, &self.id)
    }

    /// The sequence that this was decided on.
    pub(crate) fn sequence(&self) -> i64 {
        self.draft.base.sequence
    }

    /// Whether what this was decided on is what the log says, now that it had the time to get there. If it is not, it is not used again.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn stands(&self, database: &Bounded) -> Result<Option<Tip>, LogError> {
        let standing = self.standing(database).await?;
        Ok(standing.filter(|standing| standing.is_there && standing.tip.sequence == self.sequence()).map(|it| it.tip))
    }

    /// Where the stream stands now, and whether what this was decided on is in the log; `None` if it will never be.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn standing(&self, database: &Bounded) -> Result<Option<Standing>, LogError> {
        if !self.fence.settles(self.sequence()).await {
            return Ok(None);
        }
        let standing = load::standing(database, A::TYPE, &self.id, self.sequence(), self.draft.base.event_id).await?;
        self.check(standing);
        Ok(Some(standing))
    }

    /// Other processes write to the same streams, and a log may lose its tail. What is in memory and behind the log, or not in it, is loaded
    /// again.
    fn check(&self, standing: Standing) {
        if !standing.is_there {
            self.fence.break_up();
        }
        let slot = self.entry.lock();
        if let Some(loaded) = slot.as_ref().filter(|loaded| loaded.latest.sequence < standing.tip.sequence) {
            loaded.fence.break_up();
        }
    }

    /// Adds this stream's part to a commit: its events, if there are any, and what was decided on.
    pub(crate) fn write(
        &mut self,
        streams: &mut Vec<StreamCommit>,
        fences: &mut Vec<Arc<Fence>>,
        mint: impl Fn() -> Uuid,
    ) -> Result<(), LogError> {
        let events = self.draft.events.iter().map(|event| {
            self.last = mint();
            Ok(NewEvent {
                id: self.last,
                event_type: event.event_type(),
                version: event.event_version(),
                payload: to_raw_value(event)?,
            })
        });
        streams.push(StreamCommit {
            aggregate_type: A::TYPE,
            aggregate_id: self.id.clone(),
            expected: self.draft.base.sequence,
            decided_on: Some(self.draft.base.event_id).filter(|id| !id.is_nil()),
            events: events.collect::<Result<_, serde_json::Error>>()?,
        });
        fences.push(Arc::clone(&self.fence));
        Ok(())
    }

    /// Nobody has decided anything on this stream since.
    pub(crate) fn is_current(&self, slot: Option<&Loaded<A>>) -> bool {
        slot.is_some_and(|loaded| {
            Arc::ptr_eq(&loaded.fence, &self.fence)
                && loaded.latest.sequence == self.sequence()
                && !loaded.fence.is_broken()
        })
    }
}

impl<A: Aggregate<Services = ()> + Clone> Part<A> {
    fn version(&self) -> Option<Version<A>> {
        let state = self.draft.decided.as_ref().filter(|_| !self.draft.is_empty())?;
        Some(Version { state: Arc::clone(state), sequence: self.sequence() + self.draft.count(), event_id: self.last })
    }

    /// What follows is decided on the new state, though it is not in the log yet.
    pub(crate) fn install(&self, slot: &mut Option<Loaded<A>>) {
        if let (Some(loaded), Some(version)) = (slot, self.version()) {
            loaded.latest = version;
        }
    }

    /// The new state is in the log: it is what remains when something later is not appended.
    pub(crate) fn keep(&self) {
        let mut slot = self.entry.lock();
        if let (Some(loaded), Some(version)) = (slot.as_mut(), self.version())
            && Arc::ptr_eq(&loaded.fence, &self.fence)
            && loaded.durable.as_ref().is_none_or(|durable| version.sequence > durable.sequence)
        {
            loaded.durable = Some(version);
        }
    }

    /// State and sequence to store as a snapshot, when this commit crossed a multiple of `every` events.
    pub(crate) fn snapshot(&self, every: i64) -> Option<Version<A>> {
        self.version().filter(|version| version.sequence / every > self.sequence() / every)
    }

    pub(crate) fn receipt(&self, position: i64) -> Receipt {
        Receipt {
            aggregate_type: A::TYPE.to_owned(),
            aggregate_id: self.id.clone(),
            sequence: self.sequence() + self.draft.count(),
            position,
            replayed: false,
        }
    }
}
