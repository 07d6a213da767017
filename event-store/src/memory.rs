//! The aggregates in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cqrs_es::Aggregate;

use crate::stream::{AnyEntry, Entry};

/// The aggregates in memory, and how often all of them have been forgotten.
#[derive(Clone)]
pub(crate) struct Memory {
    cache: moka::sync::Cache<(&'static str, String), AnyEntry>,
    epoch: Arc<AtomicU64>,
}

impl Memory {
    pub(crate) fn of(aggregates: u64) -> Self {
        Self { cache: moka::sync::Cache::new(aggregates), epoch: Arc::default() }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The log is not the one that is remembered here.
    pub(crate) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.cache.invalidate_all();
    }

    pub(crate) fn entry<A: Aggregate + 'static>(&self, id: &str) -> Arc<Entry<A>> {
        let key = (A::TYPE, id.to_owned());
        let any = self.cache.get_with(key, || Arc::new(Entry::<A>::default()) as AnyEntry);
        any.downcast().unwrap_or_default()
    }
}
