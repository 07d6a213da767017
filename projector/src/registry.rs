//! All projections, by name.

use event_store::{FeedSource, SharedFeed};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::rebuild::{self, Progress, RebuildError, RebuildSettings};
use crate::worker::{self, WorkerSettings};
use crate::{Projection, catalog, inventory, reporting, sales};

/// Every projection: one line each.
pub const PROJECTIONS: &[&dyn AnyProjection] = &[
    &Registered(catalog::Catalog),
    &Registered(inventory::Inventory),
    &Registered(sales::Sales),
    &Registered(reporting::Reporting),
];

/// A projection, whatever its rows.
pub trait AnyProjection: Sync {
    /// Its name, and its schema's.
    fn name(&self) -> &'static str;
    /// The version that this program makes.
    fn version(&self) -> i32;
    /// The tables of its schema.
    fn schema(&self) -> &'static str;
    /// Keeps it up to date until `stop` is cancelled.
    fn work(&self, feed: SharedFeed, settings: WorkerSettings, stop: CancellationToken) -> BoxFuture<'static, ()>;
    /// Builds it anew and puts it in the place of what is live.
    fn rebuild<'a>(
        &'a self,
        source: &'a FeedSource,
        settings: &'a RebuildSettings,
        report: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> BoxFuture<'a, Result<Progress, RebuildError>>;
}

/// The projection of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn AnyProjection> {
    PROJECTIONS.iter().copied().find(|projection| projection.name() == name)
}

/// Makes a [`Projection`] one of many.
pub struct Registered<P>(pub P);

impl<P: Projection + Clone> AnyProjection for Registered<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn version(&self) -> i32 {
        P::VERSION
    }

    fn schema(&self) -> &'static str {
        P::SCHEMA
    }

    fn work(&self, feed: SharedFeed, settings: WorkerSettings, stop: CancellationToken) -> BoxFuture<'static, ()> {
        worker::run(self.0.clone(), feed, settings, stop).boxed()
    }

    fn rebuild<'a>(
        &'a self,
        source: &'a FeedSource,
        settings: &'a RebuildSettings,
        report: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> BoxFuture<'a, Result<Progress, RebuildError>> {
        rebuild::run(self.0.clone(), source, settings, report).boxed()
    }
}
