//! The stock's rules: nothing leaves that is not there, a reservation ends once, low stock is told once.
#![cfg(test)]

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate as _;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use domain::inventory::stock_item::{Command, Event};
use domain::inventory::{Error, StockItem};
use proptest::prelude::{Strategy, prop_oneof, proptest};
use uuid::Uuid;

fn given(events: Vec<Event>) -> AggregateTestExecutor<StockItem> {
    TestFramework::with(()).given(events)
}

fn minute(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
}

fn received(quantity: i64) -> Event {
    Event::Received { quantity, document: None, at: minute(0) }
}

fn issue(quantity: i64) -> Command {
    Command::Issue { quantity, document: None, at: minute(1) }
}

fn issued(quantity: i64) -> Event {
    Event::Issued { quantity, document: None, at: minute(1) }
}

fn adjust(quantity: i64) -> Command {
    Command::Adjust { quantity, reason: "counted".to_owned(), document: None, at: minute(1) }
}

fn reserve(reservation: u128, quantity: i64) -> Command {
    Command::Reserve { reservation: Uuid::from_u128(reservation), quantity, expires_at: minute(30), at: minute(1) }
}

fn reserved(reservation: u128, quantity: i64) -> Event {
    Event::Reserved { reservation: Uuid::from_u128(reservation), quantity, expires_at: minute(30), at: minute(1) }
}

fn commit(reservation: u128, at: i64) -> Command {
    Command::Commit { reservation: Uuid::from_u128(reservation), at: minute(at) }
}

fn committed(reservation: u128, quantity: i64) -> Event {
    Event::Committed { reservation: Uuid::from_u128(reservation), quantity, at: minute(2) }
}

fn release(reservation: u128) -> Command {
    Command::Release { reservation: Uuid::from_u128(reservation), at: minute(2) }
}

fn released(reservation: u128, quantity: i64) -> Event {
    Event::Released { reservation: Uuid::from_u128(reservation), quantity, at: minute(2) }
}

fn level_set(level: i64) -> Event {
    Event::ReorderLevelSet { level, at: minute(0) }
}

#[test]
fn what_is_there_may_leave_and_no_more() {
    given(vec![received(5)]).when(issue(5)).then_expect_events(vec![issued(5)]);
    given(vec![received(5)]).when(issue(6)).then_expect_error(Error::NotEnough { available: 5, wanted: 6 });
    given(vec![]).when(issue(1)).then_expect_error(Error::NotEnough { available: 0, wanted: 1 });
}

#[test]
fn what_is_reserved_is_not_available_to_others() {
    let stock = || given(vec![received(5), reserved(1, 3)]);
    stock().when(issue(3)).then_expect_error(Error::NotEnough { available: 2, wanted: 3 });
    stock().when(adjust(-3)).then_expect_error(Error::NotEnough { available: 2, wanted: 3 });
    stock().when(reserve(2, 3)).then_expect_error(Error::NotEnough { available: 2, wanted: 3 });
    let transfer = Command::TransferOut { quantity: 3, to: "york".to_owned(), transfer: Uuid::nil(), at: minute(1) };
    stock().when(transfer).then_expect_error(Error::NotEnough { available: 2, wanted: 3 });
}

#[test]
fn a_reservation_is_committed_or_released_once() {
    let held = || vec![received(5), reserved(1, 3)];
    given(held()).when(commit(1, 2)).then_expect_events(vec![committed(1, 3)]);
    given(held()).when(release(1)).then_expect_events(vec![released(1, 3)]);
    for end in [committed(1, 3), released(1, 3)] {
        let ended = || [held(), vec![end.clone()]].concat();
        given(ended()).when(commit(1, 2)).then_expect_error(Error::ReservationEnded);
        given(ended()).when(release(1)).then_expect_error(Error::ReservationEnded);
        given(ended()).when(reserve(1, 1)).then_expect_error(Error::ReservationExists);
    }
    given(held()).when(commit(9, 2)).then_expect_error(Error::ReservationUnknown);
}

#[test]
fn an_expired_reservation_can_be_released_but_not_committed() {
    given(vec![received(5), reserved(1, 3)]).when(commit(1, 31)).then_expect_error(Error::ReservationExpired);
    given(vec![received(5), reserved(1, 3)]).when(release(1)).then_expect_events(vec![released(1, 3)]);
    let early = Command::Reserve { reservation: Uuid::nil(), quantity: 1, expires_at: minute(1), at: minute(1) };
    given(vec![received(5)]).when(early).then_expect_error(Error::ExpiresTooEarly);
}

#[test]
fn released_units_are_available_again_and_committed_ones_are_gone() {
    given(vec![received(5), reserved(1, 3), released(1, 3)]).when(issue(5)).then_expect_events(vec![issued(5)]);
    given(vec![received(5), reserved(1, 3), committed(1, 3)])
        .when(issue(3))
        .then_expect_error(Error::NotEnough { available: 2, wanted: 3 });
}

#[test]
fn low_stock_is_told_when_it_becomes_so_and_not_again_until_it_was_replenished() {
    let low = |available| Event::RanLow { available, level: 2, at: minute(1) };
    let enough = |available| Event::Replenished { available, level: 2, at: minute(1) };
    given(vec![received(5), level_set(2)]).when(issue(3)).then_expect_events(vec![issued(3), low(2)]);
    given(vec![received(5), level_set(2), issued(3), low(2)]).when(issue(1)).then_expect_events(vec![issued(1)]);
    let restock = Command::Receive { quantity: 5, document: None, at: minute(1) };
    let restocked = Event::Received { quantity: 5, document: None, at: minute(1) };
    given(vec![received(5), level_set(2), issued(3), low(2)])
        .when(restock)
        .then_expect_events(vec![restocked, enough(7)]);
    given(vec![received(5), level_set(2)]).when(reserve(1, 4)).then_expect_events(vec![reserved(1, 4), low(1)]);
}

#[test]
fn quantities_are_above_zero_and_an_adjustment_gives_a_reason() {
    given(vec![received(5)]).when(issue(0)).then_expect_error(Error::Quantity);
    given(vec![received(5)]).when(issue(-1)).then_expect_error(Error::Quantity);
    given(vec![received(5)]).when(adjust(0)).then_expect_error(Error::Adjustment);
    let silent = Command::Adjust { quantity: 1, reason: " ".to_owned(), document: None, at: minute(1) };
    given(vec![received(5)]).when(silent).then_expect_error(Error::Text("reason"));
}

fn commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        (0..20_i64).prop_map(|quantity| Command::Receive { quantity, document: None, at: minute(1) }),
        (-20..20_i64).prop_map(adjust),
        (0..20_i64).prop_map(issue),
        (0..6_u128, 0..10_i64).prop_map(|(reservation, quantity)| reserve(reservation, quantity)),
        (0..6_u128, 0..60_i64).prop_map(|(reservation, at)| commit(reservation, at)),
        (0..6_u128).prop_map(release),
        (0..20_i64).prop_map(|quantity| Command::TransferOut {
            quantity,
            to: "york".to_owned(),
            transfer: Uuid::nil(),
            at: minute(1)
        }),
        (0..15_i64).prop_map(|level| Command::SetReorderLevel { level, at: minute(1) }),
    ]
}

/// The same rules, told by counting events only.
#[derive(Default)]
struct Ledger {
    on_hand: i64,
    held: std::collections::BTreeMap<Uuid, i64>,
    ended: std::collections::BTreeSet<Uuid>,
    low: bool,
}

impl Ledger {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Received { quantity, .. }
            | Event::Adjusted { quantity, .. }
            | Event::TransferredIn { quantity, .. } => self.on_hand += quantity,
            Event::Issued { quantity, .. } | Event::TransferredOut { quantity, .. } => self.on_hand -= quantity,
            Event::Reserved { reservation, quantity, .. } => {
                assert!(!self.ended.contains(reservation), "a reservation begins once");
                assert_eq!(self.held.insert(*reservation, *quantity), None, "a reservation begins once");
            }
            Event::Released { reservation, quantity, .. } => self.end(*reservation, *quantity),
            Event::Committed { reservation, quantity, .. } => {
                self.end(*reservation, *quantity);
                self.on_hand -= quantity;
            }
            Event::ReorderLevelSet { .. } => {}
            Event::RanLow { available, level, .. } => {
                assert!(!self.low && available <= level && *available == self.available());
                self.low = true;
            }
            Event::Replenished { available, level, .. } => {
                assert!(self.low && available > level && *available == self.available());
                self.low = false;
            }
        }
    }

    fn end(&mut self, reservation: Uuid, quantity: i64) {
        assert_eq!(self.held.remove(&reservation), Some(quantity), "a reservation ends once, with what it held");
        self.ended.insert(reservation);
    }

    fn available(&self) -> i64 {
        self.on_hand - self.held.values().sum::<i64>()
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_nothing_leaves_that_is_not_there_and_reservations_end_once(
        commands in proptest::collection::vec(commands(), 0..120)
    ) {
        let (mut stock, mut ledger) = (StockItem::default(), Ledger::default());
        for command in commands {
            for event in stock.decide(command).unwrap_or_default() {
                ledger.note(&event);
                stock.apply(event);
            }
            assert_eq!(stock.available(), ledger.available());
            assert!(ledger.available() >= 0);
        }
    }
}
