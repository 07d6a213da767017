//! Which stores sell, and in which currency: what the catalog says of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use domain::catalog::Store;
use domain::{inventory, sales};
use event_store::{EventStore, LogError, Target};

/// For how long a store is not asked for again. What this process did to it counts at once; what another one did, after this time.
const BELIEVED: Duration = Duration::from_secs(1);

/// Which stores there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Those that the catalog knows.
    Known,
    /// Whatever documents say, for importers of history.
    Any,
}

/// What is known of the stores.
#[derive(Clone)]
pub struct Stores {
    store: EventStore,
    which: Which,
    /// When each was looked up in the log.
    seen: Arc<Mutex<HashMap<String, Instant>>>,
}

/// A store, as far as sales and stock are concerned.
#[derive(Debug, Clone)]
pub(crate) enum Standing {
    /// Nobody asks.
    Any,
    /// As the catalog has it.
    Is(Store),
}

impl Stores {
    /// The stores of this log.
    #[must_use]
    pub fn of(store: EventStore, which: Which) -> Self {
        Self { store, which, seen: Arc::default() }
    }

    /// How a store stands. Whether that is good enough is for the decision to say: a command that was done before is answered as it was then.
    pub(crate) async fn standing(&self, id: &str) -> Result<Standing, LogError> {
        if self.which == Which::Any {
            return Ok(Standing::Any);
        }
        let target = Target::<Store>::existing(id);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        if seen.is_some_and(|seen| seen.elapsed() < BELIEVED) {
            return self.store.glance(target, Store::clone).await.map(Standing::Is);
        }
        let now = Instant::now();
        let store = self.store.read(target, Store::clone).await?;
        if store != Store::Unknown {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), now);
        }
        Ok(Standing::Is(store))
    }
}

impl Standing {
    /// Whether it sells in this currency.
    pub(crate) fn sells(&self, currency: &str) -> Result<(), sales::Error> {
        if matches!(self, Self::Is(Store::Closed { .. })) {
            Err(sales::Error::StoreClosed)
        } else {
            self.trades(currency)
        }
    }

    /// Whether it keeps its books in this currency; it may have closed.
    pub(crate) fn trades(&self, currency: &str) -> Result<(), sales::Error> {
        match self {
            Self::Any => Ok(()),
            Self::Is(Store::Unknown) => Err(sales::Error::StoreUnknown),
            Self::Is(Store::Open { currency: own } | Store::Closed { currency: own }) if own == currency => Ok(()),
            Self::Is(Store::Open { currency: own } | Store::Closed { currency: own }) => {
                Err(sales::Error::StoreCurrency(own.clone()))
            }
        }
    }

    /// Whether it takes stock.
    pub(crate) fn takes_stock(&self) -> Result<(), inventory::Error> {
        match self {
            Self::Any | Self::Is(Store::Open { .. }) => Ok(()),
            Self::Is(Store::Unknown) => Err(inventory::Error::StoreUnknown),
            Self::Is(Store::Closed { .. }) => Err(inventory::Error::StoreClosed),
        }
    }
}
