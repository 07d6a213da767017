//! The catalog's read model: a fold of products and stores.
#![cfg(test)]

mod folding;

use chrono::{DateTime, Utc};
use domain::Decimal;
use domain::catalog::{product, store};
use folding::{Log, fold};
use projector::Projection as _;
use projector::catalog::{Catalog, Product, Store};

fn added() -> product::Event {
    product::Event::Added {
        name: "Red Lanterns".to_owned(),
        price: Decimal::new(339, 2),
        currency: "GBP".to_owned(),
        category: None,
    }
}

fn product(events: &[product::Event]) -> Product {
    let mut log = Log::default();
    for event in events {
        log.record("product", "71053", event);
    }
    fold(&Catalog, &log.events).product.get(&"71053".to_owned()).unwrap().cloned().unwrap()
}

fn store(events: &[store::Event]) -> Store {
    let mut log = Log::default();
    for event in events {
        log.record("store", "leeds", event);
    }
    fold(&Catalog, &log.events).store.get(&"leeds".to_owned()).unwrap().cloned().unwrap()
}

#[test]
fn a_product_is_active_under_its_sku_once_it_is_added() {
    let row = product(&[added()]);
    assert_eq!((row.sku.as_str(), row.status.as_str(), row.price), ("71053", "active", Decimal::new(339, 2)));
}

#[test]
fn a_product_shows_its_latest_name_price_and_category() {
    let row = product(&[
        added(),
        product::Event::Renamed { name: "Lantern".to_owned() },
        product::Event::Repriced { price: Decimal::ONE },
        product::Event::Categorised { category: "Garden".to_owned() },
    ]);
    assert_eq!((row.name.as_str(), row.price, row.category.as_deref()), ("Lantern", Decimal::ONE, Some("Garden")));
}

#[test]
fn a_discontinued_product_says_why_until_it_is_reinstated() {
    let discontinued = product::Event::Discontinued { reason: Some("broke too often".to_owned()) };
    let row = product(&[added(), discontinued.clone()]);
    assert_eq!((row.status.as_str(), row.reason.as_deref()), ("discontinued", Some("broke too often")));
    let row = product(&[added(), discontinued, product::Event::Reinstated {}]);
    assert_eq!((row.status.as_str(), row.reason), ("active", None));
}

#[test]
fn a_store_is_open_from_its_opening_to_its_closing() {
    let at = DateTime::<Utc>::UNIX_EPOCH;
    let opened = store::Event::Opened {
        name: "Leeds".to_owned(),
        country: "United Kingdom".to_owned(),
        currency: "GBP".to_owned(),
        time_zone: None,
        at,
    };
    assert_eq!(store(std::slice::from_ref(&opened)).status, "open");
    let row = store(&[opened, store::Event::Closed { at }]);
    assert_eq!((row.status.as_str(), row.closed_at), ("closed", Some(at)));
}

#[test]
fn an_event_of_a_product_that_was_never_added_stops_the_projection() {
    let mut log = Log::default();
    log.record("product", "71053", &product::Event::Repriced { price: Decimal::ONE });
    assert!(folding::try_fold(&Catalog, &log.events).is_err());
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_search_finds_products_by_any_form_of_a_word_by_sku_and_by_category(pool: sqlx::PgPool) {
    let mut log = Log::default();
    log.record("product", "71053", &added());
    log.record("product", "71053", &product::Event::Categorised { category: "Garden".to_owned() });
    log.record(
        "product",
        "22423",
        &product::Event::Added {
            name: "Cake stand".to_owned(),
            price: Decimal::TEN,
            currency: "GBP".to_owned(),
            category: None,
        },
    );
    folding::store(&pool, &Catalog, &log.events, 100).await;
    for (question, found) in
        [("lantern", vec!["71053"]), ("71053", vec!["71053"]), ("garden", vec!["71053"]), ("tea", vec![])]
    {
        let sql = "select sku from catalog.product where search @@ websearch_to_tsquery('english', $1) order by sku";
        let skus: Vec<String> = sqlx::query_scalar(sql).bind(question).fetch_all(&pool).await.unwrap();
        assert_eq!(skus, found, "{question}");
    }
    assert_eq!(Catalog::NAME, "catalog");
}
