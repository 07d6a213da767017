//! The stock's rules: nothing leaves that is not there, a reservation ends once and always, low stock is told once.
#![cfg(test)]

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::Aggregate as _;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use domain::inventory::stock_item::{Action, Command, Event, ExpiredReservation};
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

/// Asked a minute after the epoch.
fn ask(action: Action) -> Command {
    ask_at(1, action)
}

fn ask_at(minutes: i64, action: Action) -> Command {
    Command { action, at: minute(minutes), now: minute(minutes) }
}

fn issue(quantity: i64) -> Command {
    ask(Action::Issue { quantity, document: None })
}

fn issued(quantity: i64) -> Event {
    Event::Issued { quantity, document: None, at: minute(1) }
}

fn adjust(quantity: i64) -> Command {
    ask(Action::Adjust { quantity, reason: "counted".to_owned(), document: None })
}

/// Until minute 30.
fn hold(reservation: u128, quantity: i64) -> Action {
    let longest = TimeDelta::minutes(30);
    Action::Reserve { reservation: Uuid::from_u128(reservation), quantity, expires_at: minute(30), longest }
}

fn reserve(reservation: u128, quantity: i64) -> Command {
    ask(hold(reservation, quantity))
}

fn reserved(reservation: u128, quantity: i64) -> Event {
    Event::Reserved { reservation: Uuid::from_u128(reservation), quantity, expires_at: minute(30), at: minute(1) }
}

fn commit(reservation: u128, minutes: i64) -> Command {
    ask_at(minutes, Action::Commit { reservation: Uuid::from_u128(reservation) })
}

fn committed(reservation: u128, quantity: i64) -> Event {
    let (reservation, at) = (Uuid::from_u128(reservation), minute(2));
    Event::Committed { reservation, quantity, at, now: Some(at) }
}

fn extend(reservation: u128, until: i64, minutes: i64) -> Command {
    let (reservation, longest) = (Uuid::from_u128(reservation), TimeDelta::minutes(30));
    ask_at(minutes, Action::Extend { reservation, expires_at: minute(until), longest })
}

fn release(reservation: u128) -> Command {
    ask_at(2, Action::Release { reservation: Uuid::from_u128(reservation) })
}

fn released(reservation: u128, quantity: i64) -> Event {
    let (reservation, at) = (Uuid::from_u128(reservation), minute(2));
    Event::Released { reservation, quantity, at, now: Some(at) }
}

fn voided(reservation: u128) -> Event {
    Event::Voided { reservation: Uuid::from_u128(reservation), at: minute(2) }
}

fn expired(holds: &[(u128, i64)], minutes: i64) -> Event {
    let reservations =
        holds.iter().map(|&(id, quantity)| ExpiredReservation { reservation: Uuid::from_u128(id), quantity }).collect();
    Event::Expired { reservations, at: minute(minutes) }
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
    let transfer = ask(Action::TransferOut { quantity: 3, to: "york".to_owned(), transfer: Uuid::nil() });
    stock().when(transfer).then_expect_error(Error::NotEnough { available: 2, wanted: 3 });
}

#[test]
fn a_reservation_is_committed_or_released_once() {
    let held = || vec![received(5), reserved(1, 3)];
    given(held()).when(commit(1, 2)).then_expect_events(vec![committed(1, 3)]);
    given(held()).when(release(1)).then_expect_events(vec![released(1, 3)]);
    let was_committed = || [held(), vec![committed(1, 3)]].concat();
    given(was_committed()).when(release(1)).then_expect_error(Error::ReservationEnded);
    let was_released = || [held(), vec![released(1, 3)]].concat();
    given(was_released()).when(commit(1, 2)).then_expect_error(Error::ReservationEnded);
    for ended in [was_committed(), was_released()] {
        given(ended).when(reserve(1, 3)).then_expect_error(Error::ReservationEnded);
    }
    given(held()).when(commit(9, 2)).then_expect_error(Error::ReservationUnknown);
}

#[test]
fn asked_again_nothing_changes_and_nothing_is_refused() {
    let held = || vec![received(5), reserved(1, 3)];
    given(held()).when(reserve(1, 3)).then_expect_events(vec![]);
    given(held()).when(reserve(1, 2)).then_expect_error(Error::ReservationExists);
    given(held()).when(extend(1, 30, 2)).then_expect_events(vec![]);
    given([held(), vec![committed(1, 3)]].concat()).when(commit(1, 3)).then_expect_events(vec![]);
    given([held(), vec![released(1, 3)]].concat()).when(release(1)).then_expect_events(vec![]);
    given([held(), vec![expired(&[(1, 3)], 30)]].concat()).when(release(1)).then_expect_events(vec![]);
}

#[test]
fn what_was_taken_back_before_it_was_made_is_not_made_any_more() {
    given(vec![received(5)]).when(release(1)).then_expect_events(vec![voided(1)]);
    given(vec![received(5), voided(1)]).when(reserve(1, 3)).then_expect_error(Error::ReservationVoided);
    given(vec![received(5), voided(1)]).when(release(1)).then_expect_events(vec![]);
    given(vec![received(5), voided(1)]).when(commit(1, 2)).then_expect_error(Error::ReservationEnded);
}

#[test]
fn a_hold_counts_until_its_time_is_over_by_the_server_and_not_an_instant_longer() {
    let held = || vec![received(5), reserved(1, 3)];
    let five_at = |minutes| ask_at(minutes, Action::Issue { quantity: 5, document: None });
    given(held()).when(five_at(29)).then_expect_error(Error::NotEnough { available: 2, wanted: 5 });
    let all = Event::Issued { quantity: 5, document: None, at: minute(30) };
    given(held()).when(five_at(30)).then_expect_events(vec![expired(&[(1, 3)], 30), all]);
    let backdated = Command { at: minute(2), ..commit(1, 31) };
    given(held()).when(backdated).then_expect_error(Error::ReservationExpired);
    given(held()).when(commit(1, 30)).then_expect_error(Error::ReservationExpired);
}

#[test]
fn holds_whose_time_is_over_end_without_anybody_asking_for_anything_else() {
    let stock = vec![received(9), reserved(1, 3), reserved(2, 1), level_set(7)];
    let low = Event::RanLow { available: 5, level: 7, at: minute(1) };
    let enough = Event::Replenished { available: 9, level: 7, at: minute(40) };
    given([stock, vec![low]].concat())
        .when(ask_at(40, Action::Expire))
        .then_expect_events(vec![expired(&[(1, 3), (2, 1)], 40), enough]);
    given(vec![received(9), reserved(1, 3)]).when(ask_at(29, Action::Expire)).then_expect_events(vec![]);
}

#[test]
fn a_hold_lasts_no_longer_than_the_longest() {
    let until = |minutes| {
        let (reservation, longest) = (Uuid::from_u128(1), TimeDelta::minutes(30));
        ask(Action::Reserve { reservation, quantity: 1, expires_at: minute(minutes), longest })
    };
    given(vec![received(5)]).when(until(1)).then_expect_error(Error::ExpiresTooEarly);
    given(vec![received(5)]).when(until(32)).then_expect_error(Error::ReservationTooLong { minutes: 30 });
    let held = || vec![received(5), reserved(1, 3)];
    let extended =
        |until| Event::Extended { reservation: Uuid::from_u128(1), expires_at: minute(until), at: minute(20) };
    given(held()).when(extend(1, 50, 20)).then_expect_events(vec![extended(50)]);
    given(held()).when(extend(1, 51, 20)).then_expect_error(Error::ReservationTooLong { minutes: 30 });
    given(held()).when(extend(1, 50, 30)).then_expect_error(Error::ReservationExpired);
    given([held(), vec![extended(50)]].concat()).when(commit(1, 2)).then_expect_events(vec![committed(1, 3)]);
    given([held(), vec![extended(50)]].concat()).when(ask_at(49, Action::Expire)).then_expect_events(vec![]);
}

#[test]
fn ended_holds_are_remembered_for_a_day_and_then_no_more() {
    let mut stock = StockItem::default();
    let mut size = 0;
    for day in 0..3 {
        for number in 0..100 {
            stock.evolve(Event::Voided {
                reservation: Uuid::from_u128(day * 1000 + number),
                at: minute(i64::try_from(day).unwrap() * 25 * 60),
            });
        }
        let now = serde_json::to_string(&stock).unwrap().len();
        assert!(day == 0 || now < size + size / 10, "{now} bytes on day {day}, {size} on the first");
        size = size.max(now);
    }
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
    let restock = ask(Action::Receive { quantity: 5, document: None });
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
    let silent = ask(Action::Adjust { quantity: 1, reason: " ".to_owned(), document: None });
    given(vec![received(5)]).when(silent).then_expect_error(Error::Text("reason"));
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        (0..20_i64).prop_map(|quantity| Action::Receive { quantity, document: None }),
        (-20..20_i64).prop_map(|quantity| adjust(quantity).action),
        (0..20_i64).prop_map(|quantity| issue(quantity).action),
        (0..6_u128, 0..10_i64, 1..30_i64).prop_map(|(reservation, quantity, minutes)| Action::Reserve {
            reservation: Uuid::from_u128(reservation),
            quantity,
            expires_at: minute(minutes),
            longest: TimeDelta::minutes(30)
        }),
        (0..6_u128, 0..30_i64).prop_map(|(reservation, until)| extend(reservation, until, 0).action),
        (0..6_u128).prop_map(|reservation| Action::Commit { reservation: Uuid::from_u128(reservation) }),
        (0..6_u128).prop_map(|reservation| Action::Release { reservation: Uuid::from_u128(reservation) }),
        proptest::prelude::Just(Action::Expire),
        (0..20_i64).prop_map(|quantity| Action::TransferOut { quantity, to: "york".to_owned(), transfer: Uuid::nil() }),
        (0..15_i64).prop_map(|level| Action::SetReorderLevel { level }),
    ]
}

/// Actions, each some time after the one before.
fn commands() -> impl Strategy<Value = Vec<Command>> {
    proptest::collection::vec((actions(), 0..3_i64), 0..120).prop_map(|actions| {
        let mut now = 0;
        let timed = actions.into_iter().map(|(action, later)| {
            now += later;
            ask_at(now, action)
        });
        timed.collect()
    })
}

/// The same rules, told by counting events only.
#[derive(Default)]
struct Ledger {
    on_hand: i64,
    held: std::collections::BTreeMap<Uuid, (i64, DateTime<Utc>)>,
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
            Event::Reserved { reservation, quantity, expires_at, .. } => {
                assert!(!self.ended.contains(reservation), "a reservation begins once");
                assert_eq!(self.held.insert(*reservation, (*quantity, *expires_at)), None, "a reservation begins once");
            }
            Event::Extended { reservation, expires_at, .. } => {
                self.held.get_mut(reservation).expect("what is extended is held").1 = *expires_at;
            }
            Event::Expired { reservations, at } => {
                for ExpiredReservation { reservation, quantity } in reservations {
                    assert!(self.held[reservation].1 <= *at, "its time is over");
                    self.end(*reservation, *quantity);
                }
            }
            Event::Voided { reservation, .. } => {
                assert!(!self.held.contains_key(reservation) && self.ended.insert(*reservation));
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
        assert_eq!(
            self.held.remove(&reservation).map(|held| held.0),
            Some(quantity),
            "a reservation ends once, with what it held"
        );
        self.ended.insert(reservation);
    }

    fn available(&self) -> i64 {
        self.on_hand - self.held.values().map(|held| held.0).sum::<i64>()
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_nothing_leaves_that_is_not_there_and_reservations_end_once(commands in commands()) {
        let (mut stock, mut ledger) = (StockItem::default(), Ledger::default());
        for command in commands {
            let now = command.now;
            let Ok(events) = stock.decide(command) else { continue };
            for event in events {
                ledger.note(&event);
                stock.apply(event);
            }
            assert_eq!(stock.available(), ledger.available());
            assert!(ledger.available() >= 0);
            assert!(ledger.held.values().all(|held| held.1 > now), "after any accepted command no hold is overdue");
        }
    }
}
