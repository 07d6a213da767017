//! Load, decide, append: what happens to a command.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use sqlx::PgPool;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use uuid::Uuid;

use crate::append::{Commit, Outcome};
use crate::appender::{Appender, Pending};
use crate::fence::Fence;
use crate::part::Part;
use crate::settings::Settings;
use crate::stream::{AnyEntry, Draft, Entry, Loaded, Target, Version};
use crate::{Error, LogError, Receipt, Request, Upcasters, load};

/// The write side of the log. Cheap to clone; all clones share one appender and one cache.
#[derive(Clone)]
pub struct EventStore(Arc<Inner>);

struct Inner {
    pool: PgPool,
    upcasters: Upcasters,
    settings: Arc<Settings>,
    queue: mpsc::Sender<Pending>,
    appended: watch::Receiver<i64>,
    cache: moka::sync::Cache<(&'static str, String), AnyEntry>,
}

/// How one try at a command ended.
enum Try<E> {
    Done(Result<Receipt, Error<E>>),
    /// Another task of this process decided on the same stream in between.
    Again,
    /// Something else was committed first; its stream stands at this sequence, 0 where that is not known.
    Lost(i64),
}

impl EventStore {
    /// Starts the appender.
    pub fn start(pool: PgPool, upcasters: Upcasters, settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let (queue, received) = mpsc::channel(settings.queue);
        let (appended, position) = watch::channel(0);
        let cache = moka::sync::Cache::new(settings.cached_aggregates);
        let forgotten = cache.clone();
        let appender = Appender {
            pool: pool.clone(),
            settings: Arc::clone(&settings),
            queue: received,
            appended,
            forget: Box::new(move || forgotten.invalidate_all()),
            log_id: None,
        };
        tokio::spawn(appender.run());
        Self(Arc::new(Inner { pool, upcasters, settings, queue, appended: position, cache }))
    }

    /// The last position that this process appended; changes wake the relay.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<i64> {
        self.0.appended.clone()
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

    /// Looks at a stream's state as it is now, or is about to be.
    ///
    /// # Errors
    /// When the stream cannot be loaded.
    pub async fn read<A, T>(&self, target: Target<A>, look: impl FnOnce(&A) -> T) -> Result<T, LogError>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
    {
        Ok(look(self.part(&target).await?.draft.state()))
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
}

impl EventStore {
    async fn run<A, B, E>(
        &self,
        request: &Request,
        mut first: Target<A>,
        mut second: Option<Target<B>>,
        mut decide: impl FnMut(&mut Draft<A>, Option<&mut Draft<B>>) -> Result<(), E>,
    ) -> Result<Receipt, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        B: Aggregate<Services = ()> + Clone + 'static,
    {
        // However this ends, whoever waits to send the next command of a series must hear of it.
        let _enqueued = request.enqueued.as_deref().map(NotifyOnDrop);
        let mut tried = Error::Conflict { current: 0 };
        let mut lost = 0;
        while lost <= self.0.settings.retries {
            match self.attempt(request, &first, second.as_ref(), &mut decide).await? {
                Try::Done(Err(error)) => return self.unless_used(request, error).await,
                Try::Done(done) => return done,
                Try::Again => {}
                Try::Lost(current) => {
                    tried = Error::Conflict { current };
                    lost += 1;
                }
            }
            first.is_new = false;
            if let Some(second) = &mut second {
                second.is_new = false;
            }
        }
        self.unless_used(request, tried).await
    }

    async fn attempt<A, B, E>(
        &self,
        request: &Request,
        first: &Target<A>,
        second: Option<&Target<B>>,
        decide: &mut impl FnMut(&mut Draft<A>, Option<&mut Draft<B>>) -> Result<(), E>,
    ) -> Result<Try<E>, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        B: Aggregate<Services = ()> + Clone + 'static,
    {
        let mut a = self.part(first).await?;
        let mut b = match second {
            Some(target) => Some(self.part(target).await?),
            None => None,
        };
        let refusal = match request.expected_sequence {
            Some(expected) if expected != a.sequence() => Some(Error::PreconditionFailed { current: a.sequence() }),
            _ => decide(&mut a.draft, b.as_mut().map(|b| &mut b.draft)).err().map(Error::Refused),
        };
        let is_empty = a.draft.is_empty() && b.as_ref().is_none_or(|b| b.draft.is_empty());
        if refusal.is_some() || is_empty {
            // Decided on what may never be in the log: wait until it is.
            if !(a.settles().await
                && match &b {
                    Some(b) => b.settles().await,
                    None => true,
                })
            {
                return Ok(Try::Lost(0));
            }
            return match refusal {
                Some(refusal) => Ok(Try::Done(Err(refusal))),
                None => Ok(Try::Done(Ok(a.unchanged(&self.0.pool).await?))),
            };
        }
        let answer = match self.enqueue(request, &a, b.as_ref())? {
            Some(answer) => answer,
            None => return Ok(Try::Again),
        };
        if let Some(enqueued) = &request.enqueued {
            enqueued.notify_one();
        }
        match answer.await {
            Ok(Outcome::Appended { last_position }) => {
                a.keep();
                if let Some(b) = &b {
                    b.keep();
                }
                self.take_snapshot(&a);
                Ok(Try::Done(Ok(a.receipt(last_position))))
            }
            Ok(Outcome::Conflict { current }) => Ok(Try::Lost(current)),
            Ok(Outcome::Duplicate(used)) => Ok(Try::Done(Ok(used.into_receipt()))),
            Ok(Outcome::KeyReused) => Ok(Try::Done(Err(Error::KeyReused))),
            Err(_) => Err(LogError::Stopped.into()),
        }
    }

    /// Puts the commit into the queue and the new states into memory, in one step as seen by all who decide on the same streams.
    /// `None` when somebody else has decided on one of them meanwhile.
    fn enqueue<A, B, E>(
        &self,
        request: &Request,
        a: &Part<A>,
        b: Option<&Part<B>>,
    ) -> Result<Option<oneshot::Receiver<Outcome>>, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        B: Aggregate<Services = ()> + Clone + 'static,
    {
        let mut streams = Vec::with_capacity(2);
        let mut fences = Vec::with_capacity(2);
        let mint = || event_id(request.now);
        a.write(&mut streams, &mut fences, mint)?;
        if let Some(b) = b {
            b.write(&mut streams, &mut fences, mint)?;
        }
        let commit = Commit::new(request, streams, self.0.settings.max_event_bytes)?;
        let place = self.0.queue.try_reserve().map_err(|_| Error::Overloaded)?;
        // Always in the same order, so that two pairs never wait for each other.
        let (mut of_a, mut of_b);
        if b.is_none_or(|b| a.key() < b.key()) {
            of_a = a.entry.lock();
            of_b = b.map(|b| b.entry.lock());
        } else {
            of_b = b.map(|b| b.entry.lock());
            of_a = a.entry.lock();
        }
        if !a.is_current(&of_a) || !b.zip(of_b.as_ref()).is_none_or(|(b, entry)| b.is_current(entry)) {
            return Ok(None);
        }
        a.install(&mut of_a);
        if let Some((b, entry)) = b.zip(of_b.as_mut()) {
            b.install(entry);
        }
        let (answer, answered) = oneshot::channel();
        place.send(Pending { commit, fences, answer });
        Ok(Some(answered))
    }
}

impl EventStore {
    async fn part<A>(&self, target: &Target<A>) -> Result<Part<A>, LogError>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
    {
        let entry = self.entry::<A>(&target.id);
        loop {
            if let Some(part) = Part::of(&entry, &target.id) {
                return Ok(part);
            }
            let known = entry.lock().as_ref().map(|loaded| loaded.durable.clone());
            let durable = match known {
                None if target.is_new => Version { state: Arc::default(), sequence: 0 },
                known => load::version(&self.0.pool, &self.0.upcasters, &target.id, known).await?,
            };
            let mut slot = entry.lock();
            // Somebody else may have loaded it meanwhile, and decided on it.
            if slot.as_ref().is_none_or(|loaded| loaded.fence.is_broken()) {
                *slot = Some(Loaded { latest: durable.clone(), fence: Arc::new(Fence::at(durable.sequence)), durable });
            }
        }
    }

    fn entry<A: Aggregate + 'static>(&self, id: &str) -> Arc<Entry<A>> {
        let key = (A::TYPE, id.to_owned());
        let any = self.0.cache.get_with(key, || Arc::new(Entry::<A>::default()) as AnyEntry);
        any.downcast().unwrap_or_default()
    }

    /// The answer to an earlier sending of the same request counts for more than a refusal now: it may be what made the refusal.
    async fn unless_used<E>(&self, request: &Request, error: Error<E>) -> Result<Receipt, Error<E>> {
        let Some(idempotency) = &request.idempotency else { return Err(error) };
        match load::used(&self.0.pool, idempotency, request.now - self.0.settings.key_retention).await? {
            Some(Ok(used)) => Ok(used.into_receipt()),
            Some(Err(load::OtherRequest)) => Err(Error::KeyReused),
            None => Err(error),
        }
    }

    fn take_snapshot<A: Aggregate<Services = ()> + Clone + 'static>(&self, part: &Part<A>) {
        let Some(version) = part.snapshot(self.0.settings.snapshot_every) else { return };
        let (pool, id) = (self.0.pool.clone(), part.id.clone());
        tokio::spawn(async move {
            if let Err(error) = load::store_snapshot(&pool, &id, &version).await {
                tracing::warn!(aggregate = A::TYPE, id, %error, "a snapshot could not be stored");
            }
        });
    }
}

/// Ids are in the order of the requests' times.
fn event_id(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    let timestamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
    Uuid::new_v7(timestamp)
}

struct NotifyOnDrop<'a>(&'a Notify);

impl Drop for NotifyOnDrop<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
