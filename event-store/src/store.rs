//! The write side of the log, as others see it.

use std::sync::Arc;

use cqrs_es::Aggregate;
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::appender::Appender;
use crate::deadline::Bounded;
use crate::fence::Fence;
use crate::memory::Memory;
use crate::part::Part;
use crate::queue::{Pending, Queue, Room};
use crate::settings::Settings;
use crate::stream::{Draft, Loaded, Target, Version};
use crate::waiting::Waiting;
use crate::way::Way;
use crate::{Error, LogError, Receipt, Request, Upcasters, load};

/// The write side of the log. Cheap to clone; all clones share one appender and one cache.
#[derive(Clone)]
pub struct EventStore(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) database: Bounded,
    pub(crate) upcasters: Upcasters,
    pub(crate) settings: Arc<Settings>,
    pub(crate) queue: mpsc::Sender<Pending>,
    pub(crate) room: Room,
    appended: watch::Receiver<i64>,
    memory: Memory,
    pub(crate) waiting: Waiting,
    closing: CancellationToken,
}

impl EventStore {
    /// Starts the appender, which runs until [`EventStore::shutdown`], or until the last clone is gone.
    #[must_use]
    pub fn start(pool: PgPool, upcasters: Upcasters, settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let database = Bounded::new(pool, settings.answer_within);
        let (queue, pending) = mpsc::channel(settings.queue);
        let (announce, appended) = watch::channel(0);
        let (memory, waiting) = (Memory::of(settings.cached_aggregates), Waiting::default());
        let (closing, room) = (CancellationToken::new(), Room::of(settings.queue_bytes));
        let received = Queue { pending, max_batch: settings.max_batch, closing: closing.clone() };
        let (way, of_task) = (Way::to(database.clone()), Arc::clone(&settings));
        tokio::spawn(Appender::new(way, of_task, received, announce, memory.clone(), waiting.clone()).run());
        waiting.show();
        Self(Arc::new(Inner { database, upcasters, settings, queue, room, appended, memory, waiting, closing }))
    }

    /// The last position that this process appended; changes wake the relay.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<i64> {
        self.0.appended.clone()
    }

    /// Takes no more commands, and returns when those that were taken have their answers. That needs Postgres, so bound the wait.
    pub async fn shutdown(&self) {
        self.0.closing.cancel();
        self.0.queue.closed().await;
        let mut appended = self.0.appended.clone();
        while appended.changed().await.is_ok() {}
    }

    /// Decides one command on one stream and appends what it decided.
    ///
    /// # Errors
    /// See [`Error`]. A race lost to another writer is decided again on fresh state, unless the request names the sequence it expects.
    pub async fn execute<A>(
        &self,
        request: &Request,
        target: Target<A>,
        command: A::Command,
    ) -> Result<Receipt, Error<A::Error>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        A::Command: Clone + Send,
    {
        self.run(request, target, None::<Target<A>>, move |draft, _| draft.handle(command.clone()).map(|_| ())).await
    }

    /// Decides whatever `decide` does on one stream, as one commit.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn execute_with<A, E>(
        &self,
        request: &Request,
        target: Target<A>,
        mut decide: impl FnMut(&mut Draft<A>) -> Result<(), E>,
    ) -> Result<Receipt, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
    {
        self.run(request, target, None::<Target<A>>, move |draft, _| decide(draft)).await
    }

    /// Decides on two streams at once and appends both parts as one commit, all or nothing.
    ///
    /// `decide` is called again, on fresh state, after a lost race. The receipt tells the sequence of the first stream and the position
    /// of the commit's last event; the sequence that the request expects is the first stream's.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn execute_pair<A, B, E>(
        &self,
        request: &Request,
        first: Target<A>,
        second: Target<B>,
        mut decide: impl FnMut(&mut Draft<A>, &mut Draft<B>) -> Result<(), E>,
    ) -> Result<Receipt, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        B: Aggregate<Services = ()> + Clone + 'static,
    {
        self.run(request, first, Some(second), move |a, b| b.map_or(Ok(()), |b| decide(a, b))).await
    }

    /// Looks at a stream's state as it is in the log.
    ///
    /// # Errors
    /// When the stream cannot be loaded.
    pub async fn read<A, T>(&self, target: Target<A>, look: impl FnOnce(&A) -> T) -> Result<T, LogError>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
    {
        // Not older than what the log says now. Of a stream that is being written to, a later state will do.
        let mut least = i64::MAX;
        loop {
            let part = self.part(&target).await?;
            let Some(standing) = part.standing(&self.0.database).await? else { continue };
            least = least.min(standing.tip.sequence);
            if standing.is_there && part.sequence() >= least {
                return Ok(look(part.draft.state()));
            }
        }
    }

    /// Looks at a stream's state as this process knows it: what other processes wrote since it was loaded may be missing. Costs nothing once
    /// the stream is in memory.
    ///
    /// # Errors
    /// When the stream cannot be loaded.
    pub async fn glance<A, T>(&self, target: Target<A>, look: impl FnOnce(&A) -> T) -> Result<T, LogError>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
    {
        self.part(&target).await.map(|part| look(part.draft.state()))
    }

    /// What a command decided: as it was decided just now, or as the log has it where the receipt is that of an earlier request.
    ///
    /// # Errors
    /// When the log cannot be read, or the event cannot.
    pub async fn decided<A: Aggregate>(
        &self,
        receipt: &Receipt,
        now: Option<A::Event>,
    ) -> Result<Option<A::Event>, LogError> {
        if !receipt.replayed {
            return Ok(now);
        }
        let events = load::stream(&self.0.database, A::TYPE, &receipt.aggregate_id, receipt.sequence - 1).await?;
        let event = events.into_iter().find(|event| event.sequence == receipt.sequence);
        event.map(|event| Ok(self.0.upcasters.apply(event)?.decode()?)).transpose()
    }
}

impl EventStore {
    /// What is in memory of a stream, loaded if it must be.
    pub(crate) async fn part<A>(&self, target: &Target<A>) -> Result<Part<A>, LogError>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
    {
        let Inner { database, upcasters, settings, memory, .. } = &*self.0;
        loop {
            let epoch = memory.epoch();
            let entry = memory.entry::<A>(&target.id);
            if let Some(part) = Part::of(&entry, target) {
                return Ok(part);
            }
            let known = entry.lock().as_ref().map(|loaded| loaded.durable.clone());
            let durable = match known {
                None if target.is_new => None,
                known => {
                    let state_version = &settings.state_version;
                    Some(load::version(database, upcasters, &target.id, state_version, known.flatten()).await?)
                }
            };
            let mut slot = entry.lock();
            // Somebody else may have loaded it meanwhile, and decided on it.
            if slot.as_ref().is_none_or(|loaded| !loaded.serves(target)) {
                let latest = durable.clone().unwrap_or_else(Version::empty);
                let fence = Arc::new(Fence::at(latest.sequence, epoch));
                *slot = Some(Loaded { latest, durable, fence });
            }
        }
    }
}
