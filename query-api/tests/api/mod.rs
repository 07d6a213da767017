//! The query API without a socket, over read models of a small shop's log.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Decimal;
use domain::access::ROLES;
use domain::catalog::{Product, product};
use domain::inventory::stock_item::Action;
use domain::inventory::{Key, StockItem, stock_item};
use domain::sales::purchases::{Outcome, Reason};
use domain::sales::returns::JudgedLine;
use domain::sales::{Line, Return, Sale, returns, sale};
use e2e::calls::{Answer, call, key_of_each};
use e2e::postgres::connections_of_a_process;
use event_store::{EventStore, FeedSource, Metadata, Request, Settings, SharedFeed, Target, Upcasters};
use platform::identity::ApiKeys;
use projector::WorkerSettings;
use projector::rebuild::RebuildSettings;
use query_api::{App, Parts, Progress, router};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub(crate) struct Api {
    pub(crate) router: Router,
    store: EventStore,
    pool: PgPool,
    stop: CancellationToken,
    /// Whoever still uses the database when the test ends is in the way of dropping it.
    _stops: DropGuard,
}

impl Api {
    /// The API in the role that it has when it is deployed, with a key for each role; the key is the role's name.
    pub(crate) async fn start(pool: &PgPool) -> Self {
        let options = (*pool.connect_options()).clone().username("annals_query");
        let reading = PgPoolOptions::new().connect_with(options).await.unwrap();
        let parts = Parts {
            authenticate: Box::new(ApiKeys::parse(&key_of_each(ROLES), ROLES).unwrap()),
            contexts: Vec::new(),
            ready: Arc::new(|| Box::pin(async { Ok(json!({})) })),
            request_timeout: Duration::from_secs(30),
        };
        let stop = CancellationToken::new();
        let progress = Progress::follow(reading.clone(), stop.clone());
        let pool = connections_of_a_process(pool);
        let store = EventStore::start(pool.clone(), Upcasters::default(), Settings::default());
        let router = router(App { pool: reading, progress }, parts);
        Self { router, store, pool, stop: stop.clone(), _stops: stop.drop_guard() }
    }

    /// The same, over read models that have everything of a small shop.
    pub(crate) async fn of_a_shop(pool: &PgPool) -> Self {
        let api = Self::start(pool).await;
        api.trade().await;
        api.rebuild().await;
        api
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        call(&self.router, "admin", ("GET", path), headers, None).await.unwrap()
    }

    /// All items of a list, gathered page by page.
    pub(crate) async fn pages(&self, path: &str, limit: usize) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut next = format!("{path}{joint}limit={limit}");
        let mut items = Vec::new();
        loop {
            let answer = self.get(&next).await;
            assert_eq!(answer.status, 200, "{next}: {}", answer.text);
            let page = answer.body["items"].as_array().unwrap();
            assert!(page.len() <= limit);
            items.extend(page.iter().cloned());
            let link = answer.header("link").to_owned();
            assert_eq!(link.is_empty(), answer.body["next"].is_null(), "{link}");
            match link.split(['<', '>']).nth(1) {
                Some(link) => link.clone_into(&mut next),
                None => return items,
            }
        }
    }

    pub(crate) async fn rebuild(&self) {
        for projection in projector::registry::PROJECTIONS {
            projection.rebuild(&self.source(), &RebuildSettings::default(), &|_| ()).await.unwrap();
        }
    }

    /// Keeps the read models up to date from now on.
    pub(crate) fn work(&self) {
        let feed = SharedFeed::new(self.source());
        for projection in projector::registry::PROJECTIONS {
            let settings = WorkerSettings {
                holder: "worker".to_owned(),
                lease: Duration::from_secs(5),
                batch: 100,
                cached_rows: 1000,
            };
            tokio::spawn(projection.work(feed.clone(), settings, self.stop.clone()));
        }
    }

    fn source(&self) -> FeedSource {
        FeedSource { pool: self.pool.clone(), nats: None, stream: "NONE".to_owned(), upcasters: Upcasters::default() }
    }

    /// Puts a product into the catalog; tells the position.
    pub(crate) async fn add(&self, sku: &str, name: &str, category: &str) -> i64 {
        let command = product::Command::Add {
            name: name.to_owned(),
            price: Decimal::new(450, 2),
            currency: "GBP".to_owned(),
            category: Some(category.to_owned()),
        };
        self.store.execute(&request(), Target::<Product>::new(sku), command).await.unwrap().position
    }

    async fn stock(&self, store: &str, sku: &str, quantity: i64, level: i64) {
        let item = || Target::<StockItem>::existing(Key { store: store.to_owned(), sku: sku.to_owned() }.to_string());
        for action in [Action::Receive { quantity, document: None }, Action::SetReorderLevel { level }] {
            let command = stock_item::Command { action, at: day(0), now: day(0) };
            self.store.execute(&request(), item(), command).await.unwrap();
        }
    }

    async fn sell(&self, number: i64) {
        let line = Line {
            sku: "MUG".to_owned(),
            description: "Mug".to_owned(),
            quantity: number,
            unit_price: Decimal::new(450, 2),
        };
        let record = sale::Command::Record {
            store: if number % 2 == 0 { "leeds" } else { "york" }.to_owned(),
            customer: (number % 3 > 0).then(|| format!("c{}", number % 3)),
            country: "United Kingdom".to_owned(),
            currency: if number == 7 { "EUR" } else { "GBP" }.to_owned(),
            lines: vec![line],
            at: day(number),
        };
        let id = format!("S{number}");
        self.store.execute(&request(), Target::<Sale>::new(&*id), record).await.unwrap();
        let complete = sale::Command::Complete { at: day(number) };
        self.store.execute(&request(), Target::<Sale>::existing(&*id), complete).await.unwrap();
    }

    /// Four products, stock in two stores, twelve sales on twelve days, a return of three lines with three outcomes.
    async fn trade(&self) {
        self.add("MUG", "Stoneware mug, blue", "kitchen").await;
        self.add("POT", "Teapot for four", "kitchen").await;
        self.add("LAMP", "Reading lamp", "living").await;
        self.add("MUG-2", "Stoneware mug, sand", "kitchen").await;
        self.stock("leeds", "MUG", 40, 5).await;
        self.stock("leeds", "POT", 3, 5).await;
        self.stock("york", "MUG", 2, 5).await;
        for number in 1..=12 {
            self.sell(number).await;
        }
        let refused = |reason| Outcome::Refused { reason, balance: 0, paid: None };
        let outcomes = [Outcome::Accepted, refused(Reason::NeverSold), refused(Reason::Exceeds)];
        let judged = outcomes.map(|outcome| JudgedLine {
            sku: "MUG".to_owned(),
            description: String::new(),
            quantity: 1,
            unit_price: Decimal::new(450, 2),
            outcome,
        });
        let record = returns::Command::Record {
            customer: Some("c1".to_owned()),
            store: "leeds".to_owned(),
            country: "United Kingdom".to_owned(),
            currency: "GBP".to_owned(),
            lines: judged.to_vec(),
            at: day(13),
        };
        self.store.execute(&request(), Target::<Return>::new("C1"), record).await.unwrap();
    }
}

fn request() -> Request {
    let metadata = Metadata {
        correlation_id: Uuid::nil(),
        causation_id: None,
        actor: "test".to_owned(),
        actor_kind: "test".to_owned(),
        command: "test".to_owned(),
        traceparent: None,
    };
    Request { metadata, now: DateTime::UNIX_EPOCH, idempotency: None, expected: None, enqueued: None }
}

fn day(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(number)
}
