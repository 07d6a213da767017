//! Random trade in a small world, decided by the business itself: whatever it refuses is not in the log.

use std::collections::HashMap;
use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::DomainEvent;
use domain::Decimal;
use domain::catalog::{Product, Store, product, store};
use domain::inventory::stock_item::Action;
use domain::inventory::{StockItem, stock_item};
use domain::sales::purchases::{Outcome, Reason};
use domain::sales::returns::JudgedLine;
use domain::sales::{BadDebt, Line, Return, Sale, bad_debt, returns, sale};
use event_store::Recorded;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use serde::Serialize;
use uuid::Uuid;

use crate::folding::Log;

/// A command to one of a few aggregates.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Product(u8, product::Command),
    Store(u8, store::Command),
    Stock(u8, u8, stock_item::Command),
    Sale(u8, sale::Command),
    Return(u8, returns::Command),
    BadDebt(u8, bad_debt::Command),
}

/// A first row in every model, whatever comes after.
pub(crate) fn opening() -> [Step; 4] {
    let (at, name) = (DateTime::UNIX_EPOCH, "a".to_owned());
    let (country, currency) = ("France".to_owned(), "EUR".to_owned());
    let line = Line { sku: "85120A".to_owned(), description: String::new(), quantity: 1, unit_price: Decimal::ONE };
    let price = Decimal::ONE;
    [
        Step::Product(
            0,
            product::Command::Add { name: name.clone(), price, currency: currency.clone(), category: None },
        ),
        Step::Store(
            0,
            store::Command::Open { name, country: country.clone(), currency: currency.clone(), time_zone: None, at },
        ),
        Step::Stock(0, 0, stock_item::Command { action: Action::Receive { quantity: 1, document: None }, at, now: at }),
        Step::Sale(
            0,
            sale::Command::Record { store: "0".to_owned(), customer: None, country, currency, lines: vec![line], at },
        ),
    ]
}

/// Any step.
pub(crate) fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_u8, products()).prop_map(|(id, command)| Step::Product(id, command)),
        1 => (0..3_u8, stores()).prop_map(|(id, command)| Step::Store(id, command)),
        4 => (0..3_u8, 0..2_u8, stock()).prop_map(|(store, sku, command)| Step::Stock(store, sku, command)),
        4 => (0..8_u8, sales()).prop_map(|(id, command)| Step::Sale(id, command)),
        2 => (0..5_u8, returned()).prop_map(|(id, command)| Step::Return(id, command)),
        1 => (0..3_u8, lines(), at()).prop_map(|(id, lines, at)| Step::BadDebt(id, write_off(lines, at))),
    ]
}

fn at() -> impl Strategy<Value = DateTime<Utc>> {
    (0..70_i64).prop_map(|days| DateTime::UNIX_EPOCH + TimeDelta::days(days))
}

fn sku() -> impl Strategy<Value = String> {
    (0..4_u8).prop_map(|number| format!("8512{number}A"))
}

fn customer() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), (0..3_u8).prop_map(|number| Some(format!("1785{number}")))]
}

fn country() -> impl Strategy<Value = String> {
    prop_oneof![Just("France".to_owned()), Just("United Kingdom".to_owned())]
}

fn currency() -> impl Strategy<Value = String> {
    prop_oneof![9 => Just("GBP".to_owned()), 1 => Just("EUR".to_owned())]
}

fn zone() -> impl Strategy<Value = Option<String>> {
    let names = ["Pacific/Kiritimati", "America/Sao_Paulo"];
    proptest::option::of((0..names.len()).prop_map(move |number| names[number].to_owned()))
}

fn category() -> impl Strategy<Value = String> {
    (0..3_u8).prop_map(|number| format!("category {number}"))
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let line = (sku(), prop_oneof![Just(String::new()), sku()], 1..20_i64, 0..4_i64, 0..4_u32);
    let line = line.prop_map(|(sku, description, quantity, price, scale)| Line {
        sku,
        description,
        quantity,
        unit_price: Decimal::new(price * 25, scale),
    });
    proptest::collection::vec(line, 1..4)
}

fn products() -> impl Strategy<Value = product::Command> {
    prop_oneof![
        (sku(), 0..999_i64, proptest::option::of(category())).prop_map(|(name, price, category)| {
            product::Command::Add { name, price: Decimal::new(price, 2), currency: "GBP".to_owned(), category }
        }),
        category().prop_map(|category| product::Command::Categorise { category }),
        sku().prop_map(|name| product::Command::Rename { name }),
        (0..999_i64).prop_map(|price| product::Command::Reprice { price: Decimal::new(price, 2) }),
        Just(product::Command::Discontinue { reason: None }),
        Just(product::Command::Reinstate),
    ]
}

fn stores() -> impl Strategy<Value = store::Command> {
    prop_oneof![
        (sku(), country(), currency(), zone(), at()).prop_map(|(name, country, currency, time_zone, at)| {
            store::Command::Open { name, country, currency, time_zone, at }
        }),
        at().prop_map(|at| store::Command::Close { at }),
    ]
}

fn stock() -> impl Strategy<Value = stock_item::Command> {
    let reservation = || (0..4_u128).prop_map(Uuid::from_u128);
    let longest = TimeDelta::days(365);
    let expires_at = || (0..400_i64).prop_map(|days| DateTime::UNIX_EPOCH + TimeDelta::days(days));
    let action = prop_oneof![
        (1..30_i64).prop_map(|quantity| Action::Receive { quantity, document: None }),
        (-9..9_i64, proptest::option::of(sku())).prop_map(|(quantity, document)| Action::Adjust {
            quantity,
            reason: "counted".to_owned(),
            document
        }),
        (1..9_i64).prop_map(|quantity| Action::Issue { quantity, document: None }),
        (reservation(), 1..9_i64, expires_at()).prop_map(move |(reservation, quantity, expires_at)| {
            Action::Reserve { reservation, quantity, expires_at, longest }
        }),
        (reservation(), expires_at()).prop_map(move |(reservation, expires_at)| Action::Extend {
            reservation,
            expires_at,
            longest
        }),
        reservation().prop_map(|reservation| Action::Release { reservation }),
        reservation().prop_map(|reservation| Action::Commit { reservation }),
        Just(Action::Expire),
        (0..20_i64).prop_map(|level| Action::SetReorderLevel { level }),
    ];
    (action, at()).prop_map(|(action, at)| stock_item::Command { action, at, now: at })
}

fn sales() -> impl Strategy<Value = sale::Command> {
    prop_oneof![
        (customer(), country(), currency(), lines(), at()).prop_map(|(customer, country, currency, lines, at)| {
            sale::Command::Record { store: "0".to_owned(), customer, country, currency, lines, at }
        }),
        (lines(), at()).prop_map(|(lines, at)| sale::Command::AddLines { lines, at }),
        at().prop_map(|at| sale::Command::Complete { at }),
        (sku(), proptest::option::of(sku()), proptest::option::of(1..5_i64), 1..5_i64, at()).prop_map(
            |(refund, sku, line_no, quantity, at)| sale::Command::Refund {
                refund,
                lines: vec![sale::RefundLine { sku, line_no, quantity, reason: None }],
                at,
            }
        ),
    ]
}

fn returned() -> impl Strategy<Value = returns::Command> {
    let outcome = prop_oneof![
        Just(Outcome::Accepted),
        Just(Outcome::Unjudged),
        proptest::sample::select(vec![Reason::NeverSold, Reason::Exceeds, Reason::ExceedsPaid])
            .prop_map(|reason| Outcome::Refused { reason, balance: 0, paid: None }),
    ];
    let judged = (lines(), outcome).prop_map(|(lines, outcome)| -> Vec<JudgedLine> {
        lines.into_iter().map(|line| JudgedLine::new(line, outcome)).collect()
    });
    (any::<bool>(), customer(), country(), currency(), judged, at()).prop_map(
        |(first, customer, country, currency, lines, at)| {
            if first {
                returns::Command::Record { customer, store: "1".to_owned(), country, currency, lines, at }
            } else {
                returns::Command::AddLines { lines, at }
            }
        },
    )
}

fn write_off(lines: Vec<Line>, at: DateTime<Utc>) -> bad_debt::Command {
    let lines = lines.into_iter().map(|line| bad_debt::BadDebtLine {
        sku: line.sku,
        description: line.description,
        quantity: -line.quantity,
        unit_price: line.unit_price,
    });
    let (country, currency) = ("France".to_owned(), "GBP".to_owned());
    bad_debt::Command::Record { store: "2".to_owned(), customer: None, country, currency, lines: lines.collect(), at }
}

/// The log of what the business agrees to.
pub(crate) fn log(steps: impl IntoIterator<Item = Step>) -> Vec<Recorded> {
    let mut log = Log::default();
    let (mut products, mut stores, mut stock) = (HashMap::new(), HashMap::new(), HashMap::new());
    let (mut sales, mut returned, mut debts) = (HashMap::new(), HashMap::new(), HashMap::new());
    for step in steps {
        match step {
            Step::Product(id, command) => {
                let state: &mut Product = products.entry(id).or_default();
                agree(&mut log, "product", &format!("8512{id}A"), state.decide(command), |event| state.evolve(event));
            }
            Step::Store(id, command) => {
                let state: &mut Store = stores.entry(id).or_default();
                agree(&mut log, "store", &id.to_string(), state.decide(command), |event| state.evolve(event));
            }
            Step::Stock(store, sku, command) => {
                let state: &mut StockItem = stock.entry((store, sku)).or_default();
                let id = format!("{store}/8512{sku}A");
                agree(&mut log, "stock_item", &id, state.decide(command), |event| state.evolve(event));
            }
            Step::Sale(id, command) => {
                let state: &mut Sale = sales.entry(id).or_default();
                agree(&mut log, "sale", &id.to_string(), state.decide(command), |event| state.evolve(event));
            }
            Step::Return(id, command) => {
                let state: &mut Return = returned.entry(id).or_default();
                agree(&mut log, "return", &id.to_string(), state.decide(command), |event| state.evolve(event));
            }
            Step::BadDebt(id, command) => {
                let state: &mut BadDebt = debts.entry(id).or_default();
                agree(&mut log, "bad_debt", &id.to_string(), state.decide(command), |event| state.evolve(event));
            }
        }
    }
    log.events
}

fn agree<E, R>(log: &mut Log, aggregate_type: &str, id: &str, decided: Result<Vec<E>, R>, mut evolve: impl FnMut(E))
where
    E: DomainEvent + Serialize,
    R: Debug,
{
    for event in decided.into_iter().flatten() {
        log.record(aggregate_type, id, &event);
        evolve(event);
    }
}
