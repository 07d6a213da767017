//! Load, decide, append: what happens to a command.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::commit::{Commit, Outcome};
use crate::part::Part;
use crate::queue::Pending;
use crate::stream::{Draft, Target};
use crate::turn::Turn;
use crate::{Error, EventStore, LogError, Receipt, Request, keys, load, snapshot};

/// How one try at a command ended.
enum Try<E> {
    Done(Result<Receipt, Error<E>>),
    /// Another task of this process decided on the same stream in between.
    Again,
    /// It was decided on what the log does not say; with the turn at which to decide again.
    Lost(Turn),
}

impl EventStore {
    pub(crate) async fn run<A, B, E>(
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
        let until = Instant::now() + self.0.settings.patience;
        let (mut lost, mut turn) = (0, Turn::default());
        while lost <= self.0.settings.retries {
            match self.attempt(request, &first, second.as_ref(), &mut turn, until, &mut decide).await? {
                Try::Done(Err(error)) => return self.unless_used(request, error).await,
                Try::Done(done) => return done,
                Try::Again => {}
                Try::Lost(next) => (lost, turn) = (lost + 1, next),
            }
            first.is_new = false;
            if let Some(second) = &mut second {
                second.is_new = false;
            }
        }
        let current = load::tip(&self.0.database, A::TYPE, &first.id).await?.sequence;
        self.unless_used(request, Error::Conflict { current }).await
    }

    async fn attempt<A, B, E>(
        &self,
        request: &Request,
        first: &Target<A>,
        second: Option<&Target<B>>,
        turn: &mut Turn,
        until: Instant,
        decide: &mut impl FnMut(&mut Draft<A>, Option<&mut Draft<B>>) -> Result<(), E>,
    ) -> Result<Try<E>, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        B: Aggregate<Services = ()> + Clone + 'static,
    {
        let mut a = self.part(first).await?;
        let mut b = match second {
            // Its lock would be taken twice.
            Some(target) if (A::TYPE, &first.id) == (B::TYPE, &target.id) => return Err(LogError::SameStream.into()),
            Some(target) => Some(self.part(target).await?),
            None => None,
        };
        let refusal = match &request.expected {
            Some(expected) if !expected.allows(a.sequence()) => {
                Some(Error::PreconditionFailed { current: a.sequence() })
            }
            _ => decide(&mut a.draft, b.as_mut().map(|b| &mut b.draft)).err().map(Error::Refused),
        };
        if a.draft.waits || b.as_ref().is_some_and(|b| b.draft.waits) {
            return Err(LogError::Waits.into());
        }
        if refusal.is_some() || (a.draft.is_empty() && b.as_ref().is_none_or(|b| b.draft.is_empty())) {
            // What it was decided on may be waiting for the end of this turn.
            turn.end();
            return self.unchanged(&a, b.as_ref(), refusal).await;
        }
        let Some(answer) = self.enqueue(request, &mut a, b.as_mut())? else { return Ok(Try::Again) };
        turn.end();
        if let Some(enqueued) = &request.enqueued {
            enqueued.notify_one();
        }
        let Ok(outcome) = timeout_at(until, answer).await else { return Err(Error::Unknown) };
        match outcome {
            Ok(Outcome::Appended { last_position }) => {
                self.keep(&a);
                if let Some(b) = &b {
                    self.keep(b);
                }
                Ok(Try::Done(Ok(a.receipt(last_position))))
            }
            Ok(Outcome::Conflict(turn)) => Ok(Try::Lost(turn)),
            Ok(Outcome::Duplicate(used)) => Ok(Try::Done(Ok(used.into_receipt()))),
            Ok(Outcome::KeyReused) => Ok(Try::Done(Err(Error::KeyReused))),
            Ok(Outcome::Rejected(reason)) => Err(LogError::Rejected(reason).into()),
            Err(_) => Err(Error::Unknown),
        }
    }

    /// Nothing to append: a refusal, or nothing to do. It is answered only if the log says what it was decided on: memory may be ahead
    /// of the log, with what will never get there, and behind it, when another process has written.
    async fn unchanged<A, B, E>(
        &self,
        a: &Part<A>,
        b: Option<&Part<B>>,
        refusal: Option<Error<E>>,
    ) -> Result<Try<E>, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        B: Aggregate<Services = ()> + Clone + 'static,
    {
        let Some(tip) = a.stands(&self.0.database).await? else { return Ok(Try::Lost(Turn::default())) };
        if let Some(b) = b
            && b.stands(&self.0.database).await?.is_none()
        {
            return Ok(Try::Lost(Turn::default()));
        }
        Ok(Try::Done(refusal.map_or_else(|| Ok(a.receipt(tip.position)), Err)))
    }

    /// Puts the commit into the queue and the new states into memory, in one step as seen by all who decide on the same streams.
    /// `None` when somebody else has decided on one of them meanwhile.
    fn enqueue<A, B, E>(
        &self,
        request: &Request,
        a: &mut Part<A>,
        mut b: Option<&mut Part<B>>,
    ) -> Result<Option<oneshot::Receiver<Outcome>>, Error<E>>
    where
        A: Aggregate<Services = ()> + Clone + 'static,
        B: Aggregate<Services = ()> + Clone + 'static,
    {
        let mut streams = Vec::with_capacity(2);
        let mut fences = Vec::with_capacity(2);
        let mint = || event_id(request.now);
        a.write(&mut streams, &mut fences, mint)?;
        if let Some(b) = &mut b {
            b.write(&mut streams, &mut fences, mint)?;
        }
        let (a, b) = (&*a, b.as_deref());
        let commit = Commit::new(request, streams, self.0.settings.max_event_bytes)?;
        let waiting = self.waiting();
        if waiting > self.0.settings.stalled_after {
            metrics::counter!("annals_stalled_total").increment(1);
            return Err(LogError::Stalled { waiting }.into());
        }
        // Before the new states are installed: once they are, the commit must follow.
        let place = self.0.queue.try_reserve().map_err(no_place)?;
        let Some(room) = self.0.room.take(&commit) else { return Err(no_place(mpsc::error::TrySendError::Full(()))) };
        // Always in the same order, so that two pairs never wait for each other.
        let (mut of_a, mut of_b);
        if b.is_none_or(|b| a.key() < b.key()) {
            of_a = a.entry.lock();
            of_b = b.map(|b| b.entry.lock());
        } else {
            of_b = b.map(|b| b.entry.lock());
            of_a = a.entry.lock();
        }
        if !a.is_current(of_a.as_ref()) || !b.zip(of_b.as_ref()).is_none_or(|(b, entry)| b.is_current(entry.as_ref())) {
            return Ok(None);
        }
        a.install(&mut of_a);
        if let Some((b, entry)) = b.zip(of_b.as_mut()) {
            b.install(entry);
        }
        let (mut pending, answered) = Pending::new(commit, fences);
        pending.room = Some(room);
        place.send(pending);
        Ok(Some(answered))
    }
}

impl EventStore {
    /// The answer to an earlier sending of the same request counts for more than a refusal now: it may be what made the refusal.
    async fn unless_used<E>(&self, request: &Request, error: Error<E>) -> Result<Receipt, Error<E>> {
        let Some(idempotency) = &request.idempotency else { return Err(error) };
        match keys::used(&self.0.database, idempotency, request.now - self.0.settings.key_retention).await? {
            Some(Ok(used)) => Ok(used.into_receipt()),
            Some(Err(keys::OtherRequest)) => Err(Error::KeyReused),
            None => Err(error),
        }
    }

    /// The part's events are in the log.
    fn keep<A: Aggregate<Services = ()> + Clone + 'static>(&self, part: &Part<A>) {
        part.keep();
        let Some(version) = part.snapshot(self.0.settings.snapshot_every) else { return };
        let (store, id) = (self.clone(), part.id.clone());
        tokio::spawn(async move {
            let stored = snapshot::store(&store.0.database, &id, &version, &store.0.settings.state_version).await;
            if let Err(error) = stored {
                tracing::warn!(aggregate = A::TYPE, id, %error, "a snapshot could not be stored");
            }
        });
    }
}

fn no_place<E>(error: mpsc::error::TrySendError<()>) -> Error<E> {
    match error {
        mpsc::error::TrySendError::Full(()) => {
            metrics::counter!("annals_overloaded_total").increment(1);
            Error::Overloaded
        }
        mpsc::error::TrySendError::Closed(()) => LogError::Stopped.into(),
    }
}

/// Ids are in the order of the requests' times.
pub(crate) fn event_id(now: DateTime<Utc>) -> Uuid {
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
