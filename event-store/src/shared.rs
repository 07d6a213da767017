//! One feed for all readers of a process: each event is fetched and taken apart once, however many follow the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::deadline::within;
use crate::feed::{Feed, FeedError, FeedSource, up_to_date};
use crate::log::Place;
use crate::{Recorded, log};

/// How long an answer of Postgres is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// How long what is kept is believed to be in the log without another look.
const BELIEVED: Duration = Duration::from_secs(1);

/// Bytes of events kept for readers that are a little behind the others.
const KEPT: usize = 16 * 1024 * 1024;
/// What an event takes beside its payload and metadata, roughly.
const OVERHEAD: usize = 400;

/// A feed that many readers share. Cheap to clone.
#[derive(Clone)]
pub struct SharedFeed(Arc<Shared>);

struct Shared {
    source: FeedSource,
    /// Whoever holds it fetches for all.
    fetching: tokio::sync::Mutex<Option<Fetching>>,
    recent: Mutex<Recent>,
    /// The last position that was fetched.
    fetched: watch::Sender<i64>,
}

struct Fetching {
    feed: Feed,
    generation: u64,
}

/// The last events that were fetched.
#[derive(Default)]
struct Recent {
    /// Counts how often all was forgotten.
    generation: u64,
    /// The place before the first of `events`; `None` as long as nobody has begun to fetch.
    after: Option<Place>,
    /// Without a gap.
    events: VecDeque<Arc<Recorded>>,
    bytes: usize,
    /// When the log was last known to have the last of them, and so all.
    seen_in_the_log: Option<Instant>,
}

enum Found {
    Events(Vec<Arc<Recorded>>),
    /// They come, if they are fetched.
    NotYet,
    /// They were here, or never will be.
    Gone,
}

impl SharedFeed {
    /// A feed that fetches nothing until somebody reads.
    #[must_use]
    pub fn new(source: FeedSource) -> Self {
        Self(Arc::new(Shared {
            source,
            fetching: tokio::sync::Mutex::default(),
            recent: Mutex::default(),
            fetched: watch::Sender::new(0),
        }))
    }

    /// Where the events come from.
    #[must_use]
    pub fn source(&self) -> &FeedSource {
        &self.0.source
    }

    /// A reader of all events after `after`.
    #[must_use]
    pub fn reader(&self, after: Place) -> Reader {
        Reader { shared: Arc::clone(&self.0), place: after, has_begun: false }
    }

    /// Drops what is kept. To be called when something was not as expected: the log may have been restored since it was fetched.
    pub fn forget(&self) {
        self.0.recent().forget();
    }
}

/// Reads the log in order from a position, at its own pace.
pub struct Reader {
    shared: Arc<Shared>,
    place: Place,
    /// What was kept before it began may be of a log that has been restored since.
    has_begun: bool,
}

impl Reader {
    /// The position of the last event that was handed out.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.place.position
    }

    /// Waits for at least one event and returns up to `max` that are there, in order, each position following the one before; none, if
    /// there are none by `until`. Safe to cancel.
    ///
    /// # Errors
    /// See [`FeedError`]; the reader stays where it is.
    pub async fn next_batch(&mut self, max: usize, until: Instant) -> Result<Vec<Arc<Recorded>>, FeedError> {
        let mut fetched = self.shared.fetched.subscribe();
        loop {
            fetched.mark_unchanged();
            self.shared.believe(self.has_begun).await?;
            self.has_begun = true;
            let found = self.shared.recent().after(self.place, max);
            let batch = match found {
                Found::Events(events) => events,
                Found::NotYet => Vec::new(),
                Found::Gone => self.shared.read(self.place, max).await?,
            };
            if let Some(last) = batch.last() {
                self.place = Place::from(&**last);
                return Ok(batch);
            }
            tokio::select! {
                biased;
                _ = fetched.changed() => {}
                mut fetching = self.shared.fetching.lock() => {
                    if !fetched.has_changed().unwrap_or_default() {
                        self.shared.fetch(&mut fetching, self.place, max, until).await?;
                    }
                }
                () = tokio::time::sleep_until(until) => {}
            }
            if Instant::now() >= until {
                return Ok(Vec::new());
            }
        }
    }
}

impl Shared {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether the log still has what is kept, unless that was seen just now, and forgets it if not.
    async fn believe(&self, what_was_seen_just_now: bool) -> Result<(), FeedError> {
        let Some(last) = self.recent().in_doubt(what_was_seen_just_now) else { return Ok(()) };
        let looked = Instant::now();
        if within(ANSWER, last.is_in_the_log(&self.source.pool)).await? {
            self.recent().seen_in_the_log = Some(looked);
        } else {
            tracing::warn!(position = last.position, "the log has lost what was kept of it; it is read anew");
            self.recent().forget();
        }
        Ok(())
    }

    /// What others have left behind long ago.
    async fn read(&self, after: Place, max: usize) -> Result<Vec<Arc<Recorded>>, FeedError> {
        let limit = i64::try_from(max).unwrap_or(i64::MAX);
        let events = within(ANSWER, log::read_after(&self.source.pool, after, limit)).await?;
        let events = events.ok_or(FeedError::Lost { position: after.position })?;
        Ok(up_to_date(&self.source.upcasters, events)?.into_iter().map(Arc::new).collect())
    }

    /// Waits for what comes next, and keeps it for all.
    async fn fetch(
        &self,
        fetching: &mut Option<Fetching>,
        place: Place,
        max: usize,
        until: Instant,
    ) -> Result<(), FeedError> {
        let (generation, end) = self.recent().begin(place);
        if fetching.as_ref().is_some_and(|fetching| fetching.generation != generation) {
            *fetching = None;
        }
        let current =
            fetching.get_or_insert_with(|| Fetching { feed: Feed::open(self.source.clone(), end), generation });
        let fetched = current.feed.next_batch(max, until).await;
        if let Err(FeedError::Lost { .. }) = fetched {
            self.recent().forget();
        }
        let events = fetched?;
        if let Some(last) = events.last().map(|event| event.position) {
            self.recent().add(generation, events);
            self.fetched.send_replace(last);
        }
        Ok(())
    }
}

impl Recent {
    /// The generation, and where its events end; they begin after `place`, if they have not begun.
    fn begin(&mut self, place: Place) -> (u64, Place) {
        let after = *self.after.get_or_insert(place);
        (self.generation, self.events.back().map_or(after, |last| Place::from(&**last)))
    }

    /// The last event, if it must be looked for in the log before any is handed out.
    fn in_doubt(&self, unless_seen_just_now: bool) -> Option<Place> {
        let is_fresh = self.seen_in_the_log.is_some_and(|seen| seen.elapsed() < BELIEVED);
        if unless_seen_just_now && is_fresh { None } else { self.events.back().map(|last| Place::from(&**last)) }
    }

    fn after(&self, place: Place, max: usize) -> Found {
        let Some(after) = self.after else { return Found::NotYet };
        let skipped = usize::try_from(place.position - after.position);
        // What follows another event at that position is not what this reader wants.
        let known = match skipped {
            Ok(0) => Some(after),
            Ok(skipped) => self.events.get(skipped - 1).map(|event| Place::from(&**event)),
            Err(_) => None,
        };
        if known.is_some_and(|known| known != place) {
            return Found::Gone;
        }
        match skipped {
            Ok(skipped) if skipped < self.events.len() => {
                Found::Events(self.events.range(skipped..).take(max).cloned().collect())
            }
            Ok(_) => Found::NotYet,
            Err(_) => Found::Gone,
        }
    }

    /// Unless they were fetched before all was forgotten.
    fn add(&mut self, generation: u64, events: Vec<Recorded>) {
        if generation != self.generation {
            return;
        }
        self.seen_in_the_log = Some(Instant::now());
        self.bytes += events.iter().map(size).sum::<usize>();
        self.events.extend(events.into_iter().map(Arc::new));
        while self.bytes > KEPT
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= size(&oldest);
            self.after = Some(Place::from(&*oldest));
        }
    }

    fn forget(&mut self) {
        *self = Self { generation: self.generation + 1, ..Self::default() };
    }
}

fn size(event: &Recorded) -> usize {
    event.payload.get().len() + event.metadata.get().len() + OVERHEAD
}
