//! The inventory's read model: a fold of stock movements.
#![cfg(test)]

mod folding;

use chrono::{DateTime, TimeDelta, Utc};
use domain::inventory::stock_item::{Event, ExpiredReservation};
use folding::{Log, fold};
use projector::inventory::{Inventory, InventoryRows, Stock};
use uuid::Uuid;

const AT: DateTime<Utc> = DateTime::<Utc>::UNIX_EPOCH;

fn received(quantity: i64) -> Event {
    Event::Received { quantity, document: None, at: AT }
}

fn reserved(quantity: i64) -> Event {
    Event::Reserved { reservation: Uuid::nil(), quantity, expires_at: AT, at: AT }
}

fn ran_low() -> Event {
    Event::RanLow { available: 1, level: 2, at: AT }
}

fn replenished() -> Event {
    Event::Replenished { available: 9, level: 2, at: AT }
}

fn rows(events: &[Event]) -> InventoryRows {
    let mut log = Log::default();
    for event in events {
        log.record("stock_item", "leeds/71053", event);
    }
    fold(&Inventory, &log.events)
}

fn stock(rows: &InventoryRows) -> Stock {
    rows.stock.get(&("leeds".to_owned(), "71053".to_owned())).unwrap().cloned().unwrap()
}

fn reservation(rows: &InventoryRows) -> String {
    let key = ("leeds".to_owned(), "71053".to_owned(), Uuid::nil());
    rows.reservation.get(&key).unwrap().unwrap().status.clone()
}

#[test]
fn stock_on_hand_is_what_came_in_less_what_went_out() {
    let row = stock(&rows(&[
        received(10),
        Event::Issued { quantity: 3, document: None, at: AT },
        Event::Adjusted { quantity: -2, reason: "broken".to_owned(), document: None, at: AT },
        Event::TransferredOut { quantity: 1, to: "york".to_owned(), transfer: Uuid::nil(), at: AT },
        Event::TransferredIn { quantity: 4, from: "york".to_owned(), transfer: Uuid::nil(), at: AT },
    ]));
    assert_eq!(row.on_hand, 8);
    assert_eq!((row.received, row.issued, row.adjusted, row.transferred_out, row.transferred_in), (10, 3, -2, 1, 4));
}

#[test]
fn a_reservation_is_held_until_it_is_released() {
    let held = rows(&[received(10), reserved(4)]);
    assert_eq!((stock(&held).on_hand, stock(&held).reserved, reservation(&held).as_str()), (10, 4, "held"));
    let released = rows(&[
        received(10),
        reserved(4),
        Event::Released { reservation: Uuid::nil(), quantity: 4, at: AT, now: None },
    ]);
    assert_eq!((stock(&released).reserved, reservation(&released).as_str()), (0, "released"));
}

#[test]
fn a_reservation_that_expires_gives_its_units_back() {
    let expired = Event::Expired {
        reservations: vec![ExpiredReservation { reservation: Uuid::nil(), quantity: 4 }],
        at: AT + TimeDelta::minutes(5),
    };
    let extended = Event::Extended { reservation: Uuid::nil(), expires_at: AT + TimeDelta::minutes(4), at: AT };
    let held = rows(&[received(10), reserved(4), extended.clone()]);
    let key = ("leeds".to_owned(), "71053".to_owned(), Uuid::nil());
    assert_eq!(held.reservation.get(&key).unwrap().unwrap().expires_at, AT + TimeDelta::minutes(4));
    let ended = rows(&[received(10), reserved(4), extended, expired]);
    assert_eq!((stock(&ended).on_hand, stock(&ended).reserved, reservation(&ended).as_str()), (10, 0, "expired"));
}

#[test]
fn a_reservation_that_was_taken_back_before_it_was_made_holds_nothing() {
    let rows = rows(&[received(10), Event::Voided { reservation: Uuid::nil(), at: AT }]);
    assert_eq!((stock(&rows).reserved, reservation(&rows).as_str()), (0, "voided"));
}

#[test]
fn committed_units_leave_the_house() {
    let rows = rows(&[
        received(10),
        reserved(4),
        Event::Committed { reservation: Uuid::nil(), quantity: 4, at: AT, now: None },
    ]);
    let row = stock(&rows);
    assert_eq!((row.on_hand, row.reserved, row.issued, reservation(&rows).as_str()), (6, 0, 4, "committed"));
}

#[test]
fn an_alert_is_open_until_the_stock_is_replenished() {
    let low = rows(&[received(10), ran_low()]);
    assert!(stock(&low).low);
    assert_eq!(low.alert.get(&2).unwrap().unwrap().cleared_position, None);
    let cleared = rows(&[received(10), ran_low(), received(8), replenished()]);
    assert!(!stock(&cleared).low);
    assert_eq!(cleared.alert.get(&2).unwrap().unwrap().cleared_position, Some(4));
}

#[test]
fn each_time_stock_runs_low_is_an_alert_of_its_own() {
    let rows = rows(&[ran_low(), replenished(), ran_low()]);
    let mut open: Vec<_> = rows.alert.iter().map(|row| (row.raised_position, row.cleared_position)).collect();
    open.sort_unstable();
    assert_eq!(open, [(1, Some(2)), (3, None)]);
}

#[test]
fn the_reorder_level_is_the_last_one_set() {
    let levels = [2, 5].map(|level| Event::ReorderLevelSet { level, at: AT });
    assert_eq!(stock(&rows(&levels)).reorder_level, Some(5));
}

#[test]
fn an_item_whose_id_is_not_a_store_and_a_sku_stops_the_projection() {
    let mut log = Log::default();
    log.record("stock_item", "nowhere", &received(1));
    assert!(folding::try_fold(&Inventory, &log.events).is_err());
}
