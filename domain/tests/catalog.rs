//! The catalog's rules: a SKU and a store are added once, a price is never negative, what is discontinued keeps its price.
#![cfg(test)]

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate as _;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use domain::Decimal;
use domain::catalog::{Error, Product, Store, product, store};
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};

fn given(events: Vec<product::Event>) -> AggregateTestExecutor<Product> {
    TestFramework::with(()).given(events)
}

fn given_store(events: Vec<store::Event>) -> AggregateTestExecutor<Store> {
    TestFramework::with(()).given(events)
}

fn pence(pence: i64) -> Decimal {
    Decimal::new(pence, 2)
}

fn add(price: i64) -> product::Command {
    product::Command::Add {
        name: "Lamp".to_owned(),
        price: pence(price),
        currency: "GBP".to_owned(),
        category: Some("living".to_owned()),
    }
}

fn added(price: i64) -> product::Event {
    product::Event::Added {
        name: "Lamp".to_owned(),
        price: pence(price),
        currency: "GBP".to_owned(),
        category: Some("living".to_owned()),
    }
}

fn discontinued() -> product::Event {
    product::Event::Discontinued { reason: None }
}

fn open(currency: &str) -> store::Command {
    let (name, country) = ("Leeds".to_owned(), "United Kingdom".to_owned());
    store::Command::Open {
        name,
        country,
        currency: currency.to_owned(),
        time_zone: None,
        at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

fn opened() -> store::Event {
    let (name, country, currency) = ("Leeds".to_owned(), "United Kingdom".to_owned(), "GBP".to_owned());
    store::Event::Opened { name, country, currency, time_zone: None, at: DateTime::<Utc>::UNIX_EPOCH }
}

fn closed() -> store::Event {
    store::Event::Closed { at: DateTime::<Utc>::UNIX_EPOCH }
}

fn close() -> store::Command {
    store::Command::Close { at: DateTime::<Utc>::UNIX_EPOCH }
}

#[test]
fn a_product_is_added() {
    given(vec![]).when(add(250)).then_expect_events(vec![added(250)]);
}

#[test]
fn a_sku_is_added_once() {
    given(vec![added(250)]).when(add(300)).then_expect_error(Error::ProductExists);
    given(vec![added(250), discontinued()]).when(add(300)).then_expect_error(Error::ProductExists);
}

#[test]
fn a_price_is_not_negative() {
    given(vec![]).when(add(-1)).then_expect_error(Error::Price);
    given(vec![added(250)]).when(product::Command::Reprice { price: pence(-1) }).then_expect_error(Error::Price);
}

#[test]
fn a_product_may_be_free() {
    given(vec![added(250)])
        .when(product::Command::Reprice { price: pence(0) })
        .then_expect_events(vec![product::Event::Repriced { price: pence(0) }]);
}

#[test]
fn what_is_discontinued_is_not_repriced_until_it_is_reinstated() {
    let reprice = || product::Command::Reprice { price: pence(300) };
    given(vec![added(250), discontinued()]).when(reprice()).then_expect_error(Error::Discontinued);
    given(vec![added(250), discontinued(), product::Event::Reinstated {}])
        .when(reprice())
        .then_expect_events(vec![product::Event::Repriced { price: pence(300) }]);
}

#[test]
fn a_product_is_discontinued_once_and_reinstated_once() {
    given(vec![added(250), discontinued()])
        .when(product::Command::Discontinue { reason: None })
        .then_expect_error(Error::Discontinued);
    given(vec![added(250)]).when(product::Command::Reinstate).then_expect_error(Error::NotDiscontinued);
}

#[test]
fn saying_again_what_is_so_already_changes_nothing() {
    for command in [
        product::Command::Rename { name: "Lamp".to_owned() },
        product::Command::Reprice { price: pence(250) },
        product::Command::Categorise { category: "living".to_owned() },
    ] {
        given(vec![added(250)]).when(command).then_expect_events(vec![]);
    }
}

#[test]
fn a_product_that_was_never_added_cannot_be_changed() {
    for command in [
        product::Command::Rename { name: "Lamp".to_owned() },
        product::Command::Reprice { price: pence(1) },
        product::Command::Categorise { category: "a".to_owned() },
        product::Command::Discontinue { reason: None },
        product::Command::Reinstate,
    ] {
        given(vec![]).when(command).then_expect_error(Error::ProductUnknown);
    }
}

#[test]
fn names_say_something_and_currencies_are_codes() {
    given(vec![added(250)])
        .when(product::Command::Rename { name: " ".to_owned() })
        .then_expect_error(Error::Text("name"));
    given_store(vec![]).when(open("pounds")).then_expect_error(Error::Currency);
}

#[test]
fn a_store_opens_once_and_closes_for_good() {
    given_store(vec![]).when(open("GBP")).then_expect_events(vec![opened()]);
    given_store(vec![opened()]).when(open("GBP")).then_expect_error(Error::StoreExists);
    given_store(vec![opened()]).when(close()).then_expect_events(vec![closed()]);
    given_store(vec![opened(), closed()]).when(close()).then_expect_error(Error::StoreClosed);
    given_store(vec![opened(), closed()]).when(open("GBP")).then_expect_error(Error::StoreExists);
    given_store(vec![]).when(close()).then_expect_error(Error::StoreUnknown);
}

fn commands() -> impl Strategy<Value = product::Command> {
    prop_oneof![
        (-500..500_i64).prop_map(add),
        (-500..500_i64).prop_map(|price| product::Command::Reprice { price: pence(price) }),
        Just(product::Command::Discontinue { reason: None }),
        Just(product::Command::Reinstate),
    ]
}

proptest! {
    #[test]
    fn whatever_is_asked_a_sku_is_added_once_and_no_price_is_negative_or_set_while_discontinued(
        commands in proptest::collection::vec(commands(), 0..60)
    ) {
        let mut product = Product::default();
        let (mut times_added, mut on_sale) = (0, false);
        for command in commands {
            for event in product.decide(command).unwrap_or_default() {
                match &event {
                    product::Event::Added { price, .. } => {
                        times_added += 1;
                        on_sale = true;
                        assert!(!price.is_sign_negative() || price.is_zero());
                    }
                    product::Event::Repriced { price } => {
                        assert!(on_sale, "repriced while discontinued");
                        assert!(!price.is_sign_negative() || price.is_zero());
                    }
                    product::Event::Discontinued { .. } => on_sale = false,
                    product::Event::Reinstated {} => on_sale = true,
                    product::Event::Renamed { .. } | product::Event::Categorised { .. } => {}
                }
                product.apply(event);
            }
        }
        assert!(times_added <= 1);
    }
}
