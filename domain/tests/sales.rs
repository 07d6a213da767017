//! The till's rules: nothing comes back that was not sold, whichever way it comes back, and a sale is recorded, completed, refunded in
//! that order.
#![cfg(test)]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate as _;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use domain::Decimal;
use domain::sales::purchases::{Outcome, Reason, Taken};
use domain::sales::sale::{Command, Event, RefundLine, RefundedLine, Status};
use domain::sales::{Error, Line, Purchases, Sale, Units, bad_debt, purchases, returns};
use proptest::prelude::{Strategy, prop_oneof, proptest};

const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn given(events: Vec<Event>) -> AggregateTestExecutor<Sale> {
    TestFramework::with(()).given(events)
}

fn line(sku: &str, quantity: i64, pence: i64) -> Line {
    Line { sku: sku.to_owned(), description: String::new(), quantity, unit_price: Decimal::new(pence, 2) }
}

fn record(lines: Vec<Line>) -> Command {
    Command::Record {
        store: "leeds".to_owned(),
        customer: Some("ada".to_owned()),
        country: "France".to_owned(),
        currency: "EUR".to_owned(),
        lines,
        at: AT,
    }
}

fn recorded(lines: Vec<Line>) -> Event {
    Event::Recorded {
        store: "leeds".to_owned(),
        customer: Some("ada".to_owned()),
        country: "France".to_owned(),
        currency: "EUR".to_owned(),
        lines,
        at: AT,
    }
}

fn completed() -> Event {
    Event::Completed { at: AT }
}

fn refund(refund: &str, lines: &[(&str, i64)]) -> Command {
    let lines = lines.iter().map(|(sku, quantity)| RefundLine {
        sku: Some((*sku).to_owned()),
        line_no: None,
        quantity: *quantity,
        reason: None,
    });
    Command::Refund { refund: refund.to_owned(), lines: lines.collect(), at: AT }
}

fn refunded(refund: &str, sku: &str, quantity: i64, pence: i64, status: Status) -> Event {
    let line =
        RefundedLine { sku: sku.to_owned(), line_no: None, quantity, amount: Decimal::new(pence, 2), reason: None };
    Event::Refunded { refund: refund.to_owned(), lines: vec![line], status, at: AT }
}

fn exceeds(sku: &str, wanted: i64, left: i64) -> Error {
    Error::RefundExceedsSold { sku: sku.to_owned(), wanted, left }
}

#[test]
fn a_sale_is_recorded_completed_and_refunded_in_that_order() {
    let lines = || vec![line("lamp", 3, 250)];
    given(vec![]).when(record(lines())).then_expect_events(vec![recorded(lines())]);
    given(vec![recorded(lines())]).when(Command::Complete { at: AT }).then_expect_events(vec![completed()]);
    given(vec![recorded(lines()), completed()]).when(refund("R1", &[("lamp", 1)])).then_expect_events(vec![refunded(
        "R1",
        "lamp",
        1,
        250,
        Status::PartiallyRefunded,
    )]);
    given(vec![recorded(lines()), completed()]).when(refund("R1", &[("lamp", 3)])).then_expect_events(vec![refunded(
        "R1",
        "lamp",
        3,
        750,
        Status::Refunded,
    )]);
}

#[test]
fn out_of_turn_nothing_happens() {
    let lines = || vec![line("lamp", 3, 250)];
    given(vec![]).when(Command::Complete { at: AT }).then_expect_error(Error::SaleUnknown);
    given(vec![recorded(lines())]).when(record(lines())).then_expect_error(Error::SaleExists);
    given(vec![recorded(lines())]).when(refund("R1", &[("lamp", 1)])).then_expect_error(Error::SaleActive);
    for command in [Command::Complete { at: AT }, Command::AddLines { lines: lines(), at: AT }] {
        given(vec![recorded(lines()), completed()]).when(command).then_expect_error(Error::SaleComplete);
    }
}

#[test]
fn a_refund_never_exceeds_what_was_sold_less_what_was_refunded() {
    let sold = || vec![recorded(vec![line("lamp", 3, 250)]), completed()];
    given(sold()).when(refund("R1", &[("lamp", 4)])).then_expect_error(exceeds("lamp", 4, 3));
    given(sold()).when(refund("R1", &[("cup", 1)])).then_expect_error(exceeds("cup", 1, 0));
    given(sold()).when(refund("R1", &[("lamp", 2), ("lamp", 2)])).then_expect_error(exceeds("lamp", 2, 1));
    let twice = [sold(), vec![refunded("R1", "lamp", 2, 500, Status::PartiallyRefunded)]].concat();
    given(twice).when(refund("R2", &[("lamp", 2)])).then_expect_error(exceeds("lamp", 2, 1));
}

#[test]
fn a_refund_has_a_number_of_its_own() {
    let refunded_once = vec![
        recorded(vec![line("lamp", 3, 250)]),
        completed(),
        refunded("R1", "lamp", 1, 250, Status::PartiallyRefunded),
    ];
    given(refunded_once).when(refund("R1", &[("lamp", 1)])).then_expect_error(Error::RefundExists);
}

/// A lamp at 2.50, two; and the same lamp at 1.00, two.
fn two_prices() -> Vec<Event> {
    vec![recorded(vec![line("lamp", 2, 250), line("lamp", 2, 100)]), completed()]
}

fn refund_of(sku: Option<&str>, line_no: Option<i64>, quantity: i64) -> Command {
    let line = RefundLine { sku: sku.map(str::to_owned), line_no, quantity, reason: None };
    Command::Refund { refund: "R1".to_owned(), lines: vec![line], at: AT }
}

#[test]
fn a_refund_of_a_product_sold_at_several_prices_names_its_line() {
    let ambiguous = Error::RefundAmbiguous { line: 0, sku: "lamp".to_owned() };
    given(two_prices()).when(refund_of(Some("lamp"), None, 3)).then_expect_error(ambiguous);
    for (sku, line_no, pence) in [(Some("lamp"), 2, 100), (None, 2, 100), (None, 1, 250)] {
        let line = RefundedLine {
            sku: "lamp".to_owned(),
            line_no: Some(line_no),
            quantity: 1,
            amount: Decimal::new(pence, 2),
            reason: None,
        };
        let status = Status::PartiallyRefunded;
        given(two_prices()).when(refund_of(sku, Some(line_no), 1)).then_expect_events(vec![Event::Refunded {
            refund: "R1".to_owned(),
            lines: vec![line],
            status,
            at: AT,
        }]);
    }
    given(two_prices()).when(refund_of(None, Some(2), 3)).then_expect_error(exceeds("lamp", 3, 2));
    for (sku, line_no) in
        [(Some("cup"), Some(1)), (None, None), (None, Some(0)), (None, Some(3)), (None, Some(i64::MIN))]
    {
        given(two_prices()).when(refund_of(sku, line_no, 1)).then_expect_error(Error::RefundLineUnknown { line: 0 });
    }
}

#[test]
fn a_refund_whose_amount_is_plain_needs_no_line() {
    given(two_prices()).when(refund("R1", &[("lamp", 4)])).then_expect_events(vec![refunded(
        "R1",
        "lamp",
        4,
        700,
        Status::Refunded,
    )]);
    let same_price = vec![recorded(vec![line("lamp", 1, 250), line("lamp", 2, 250)]), completed()];
    given(same_price).when(refund("R1", &[("lamp", 2)])).then_expect_events(vec![refunded(
        "R1",
        "lamp",
        2,
        500,
        Status::PartiallyRefunded,
    )]);
    let one_price_left = [two_prices(), vec![refunded("R0", "lamp", 2, 500, Status::PartiallyRefunded)]].concat();
    given(one_price_left).when(refund("R1", &[("lamp", 1)])).then_expect_events(vec![refunded(
        "R1",
        "lamp",
        1,
        100,
        Status::PartiallyRefunded,
    )]);
}

#[test]
fn a_free_item_may_be_sold_and_lines_are_checked_one_by_one() {
    let free = || vec![line("bag", 1, 0)];
    given(vec![]).when(record(free())).then_expect_events(vec![recorded(free())]);
    let wrong = |second| record(vec![line("lamp", 1, 1), second]);
    given(vec![]).when(wrong(line("cup", 0, 1))).then_expect_error(Error::Quantity { line: 1 });
    given(vec![]).when(wrong(line("cup", 1, -1))).then_expect_error(Error::Price { line: 1 });
    given(vec![]).when(wrong(line("a/b", 1, 1))).then_expect_error(Error::Sku { line: 1 });
    given(vec![]).when(record(vec![])).then_expect_error(Error::Lines);
}

fn of(sku: &str, quantity: i64, pence: i64) -> Units {
    Units { sku: sku.to_owned(), quantity, amount: Some(Decimal::new(pence, 2)) }
}

fn bought(sale: &str, units: Vec<Units>) -> purchases::Event {
    purchases::Event::Bought { sale: sale.to_owned(), currency: Some("EUR".to_owned()), units, at: AT }
}

fn bring_back(units: Vec<Units>) -> purchases::Command {
    let currency = "EUR".to_owned();
    purchases::Command::Return { document: "C1".to_owned(), receipt: false, currency, units, at: AT }
}

fn brought_back(units: Vec<Units>, of: &[(&str, &str, i64)]) -> purchases::Event {
    let taken = |(sale, sku, quantity): &(&str, &str, i64)| Taken {
        sale: (*sale).to_owned(),
        sku: (*sku).to_owned(),
        quantity: *quantity,
    };
    purchases::Event::Returned {
        document: "C1".to_owned(),
        receipt: false,
        currency: Some("EUR".to_owned()),
        units,
        of: of.iter().map(taken).collect(),
        at: AT,
    }
}

#[test]
fn a_customer_brings_back_what_they_bought_over_all_sales_and_no_more() {
    let given = |events| TestFramework::<Purchases>::with(()).given(events);
    let twice = || vec![bought("1", vec![of("lamp", 2, 20)]), bought("2", vec![of("lamp", 1, 10)])];
    let all = || brought_back(vec![of("lamp", 3, 30)], &[("1", "lamp", 2), ("2", "lamp", 1)]);
    given(twice()).when(bring_back(vec![of("lamp", 3, 30)])).then_expect_events(vec![all()]);
    let too_many = |wanted, left| Error::ReturnExceedsBought { sku: "lamp".to_owned(), wanted, left };
    given(twice()).when(bring_back(vec![of("lamp", 2, 1), of("lamp", 2, 1)])).then_expect_error(too_many(4, 3));
    given([twice(), vec![all()]].concat()).when(bring_back(vec![of("lamp", 1, 0)])).then_expect_error(too_many(1, 0));
}

#[test]
fn a_customer_gets_no_more_money_back_than_they_paid_in_that_currency() {
    let given = |events| TestFramework::<Purchases>::with(()).given(events);
    let sold = || vec![bought("1", vec![of("lamp", 3, 600)])];
    let too_much = |wanted, left| Error::ReturnExceedsPaid {
        sku: "lamp".to_owned(),
        wanted: Decimal::new(wanted, 2),
        left: Decimal::new(left, 2),
    };
    given(sold()).when(bring_back(vec![of("lamp", 1, 601)])).then_expect_error(too_much(601, 600));
    let once = brought_back(vec![of("lamp", 1, 500)], &[("1", "lamp", 1)]);
    given([sold(), vec![once]].concat())
        .when(bring_back(vec![of("lamp", 1, 101)]))
        .then_expect_error(too_much(101, 100));
    let mut pounds = bring_back(vec![of("lamp", 1, 1)]);
    if let purchases::Command::Return { currency, .. } = &mut pounds {
        "GBP".clone_into(currency);
    }
    let none = Error::ReturnExceedsBought { sku: "lamp".to_owned(), wanted: 1, left: 0 };
    given(sold()).when(pounds).then_expect_error(none);
}

#[test]
fn lines_of_a_return_are_judged_one_after_another_and_each_as_a_whole() {
    let mut purchases = Purchases::default();
    purchases.apply(bought("1", vec![of("lamp", 4, 400)]));
    let refused = |reason, balance| Outcome::Refused { reason, balance, paid: None };
    let claims = [("lamp", 2, 100), ("lamp", 3, 1), ("lamp", 1, 301), ("lamp", 2, 300), ("lamp", 1, 0), ("cup", 1, 1)];
    let claims = || claims.into_iter().map(|(sku, quantity, pence)| (sku, quantity, Decimal::new(pence, 2)));
    let paid = Some(Decimal::new(300, 2));
    assert_eq!(
        purchases.judge("EUR", claims()),
        [
            Outcome::Accepted,
            refused(Reason::Exceeds, 2),
            Outcome::Refused { reason: Reason::ExceedsPaid, balance: 2, paid },
            Outcome::Accepted,
            refused(Reason::Exceeds, 0),
            refused(Reason::NeverSold, 0)
        ]
    );
    assert_eq!(purchases.judge("GBP", claims().take(1)), [refused(Reason::NeverSold, 0)]);
}

#[test]
fn what_was_bought_before_money_was_recorded_is_judged_by_units_alone() {
    let old = [
        r#"{"bought":{"sale":"1","units":[{"sku":"lamp","quantity":3}],"at":"1970-01-01T00:00:00Z"}}"#,
        r#"{"returned":{"document":"C0","units":[{"sku":"lamp","quantity":1}],"at":"1970-01-01T00:00:00Z"}}"#,
    ];
    let mut purchases = Purchases::default();
    for event in old {
        purchases.apply(serde_json::from_str(event).unwrap());
    }
    let judged = purchases.judge("EUR", [("lamp", 2, Decimal::ONE_HUNDRED), ("lamp", 1, Decimal::ONE)].into_iter());
    assert_eq!(judged, [Outcome::Accepted, Outcome::Refused { reason: Reason::Exceeds, balance: 0, paid: None }]);
}

#[test]
fn a_refund_by_receipt_takes_its_own_sale_first_and_another_where_that_came_back_already() {
    let mut purchases = Purchases::default();
    purchases.apply(bought("1", vec![of("lamp", 2, 200)]));
    purchases.apply(bought("2", vec![of("lamp", 2, 200)]));
    let mut back = |document: &str, receipt, quantity| {
        let (document, currency) = (document.to_owned(), "EUR".to_owned());
        let units = vec![of("lamp", quantity, quantity * 100)];
        let back = purchases::Command::Return { document, receipt, currency, units, at: AT };
        let events = purchases.decide(back).unwrap();
        let [purchases::Event::Returned { of, .. }] = events.as_slice() else { panic!("{events:?}") };
        let of: Vec<_> = of.iter().map(|taken| (taken.sale.clone(), taken.quantity)).collect();
        for event in events {
            purchases.apply(event);
        }
        of
    };
    assert_eq!(back("2", true, 1), [("2".to_owned(), 1)]);
    assert_eq!(back("C1", false, 1), [("1".to_owned(), 1)]);
    assert_eq!(back("1", true, 2), [("1".to_owned(), 1), ("2".to_owned(), 1)]);
}

#[test]
fn a_return_and_a_bad_debt_are_recorded_once() {
    let (store, country, currency) = ("leeds".to_owned(), "France".to_owned(), "EUR".to_owned());
    let lines = vec![returns::JudgedLine::new(line("lamp", 1, 250), Outcome::Unjudged)];
    let record = returns::Command::Record {
        customer: None,
        store: store.clone(),
        country: country.clone(),
        currency: currency.clone(),
        lines: lines.clone(),
        at: AT,
    };
    let recorded = returns::Event::Recorded {
        customer: None,
        store: store.clone(),
        country: country.clone(),
        currency: currency.clone(),
        lines,
        at: AT,
    };
    let given = |events| TestFramework::<domain::sales::Return>::with(()).given(events);
    given(vec![]).when(record.clone()).then_expect_events(vec![recorded.clone()]);
    given(vec![recorded]).when(record).then_expect_error(Error::ReturnExists);
    given(vec![]).when(returns::Command::AddLines { lines: vec![], at: AT }).then_expect_error(Error::ReturnUnknown);
    let (sku, description) = ("B".to_owned(), "Adjust bad debt".to_owned());
    let lines = vec![bad_debt::BadDebtLine { sku, description, quantity: 1, unit_price: Decimal::new(-1_106_206, 2) }];
    let record = bad_debt::Command::Record {
        store: store.clone(),
        customer: None,
        country: country.clone(),
        currency: currency.clone(),
        lines: lines.clone(),
        at: AT,
    };
    let recorded = bad_debt::Event::Recorded { store, customer: None, country, currency, lines, at: AT };
    let given = |events| TestFramework::<domain::sales::BadDebt>::with(()).given(events);
    given(vec![]).when(record.clone()).then_expect_events(vec![recorded.clone()]);
    given(vec![recorded]).when(record).then_expect_error(Error::BadDebtExists);
}

/// What a customer does at the till: buys on one of a few receipts, brings back by receipt, or without one.
#[derive(Debug, Clone)]
enum Step {
    Record(usize, Vec<(u8, i64)>),
    Add(usize, Vec<(u8, i64)>),
    Complete(usize),
    Refund(usize, u8, Vec<(u8, i64)>),
    BringBack(Vec<(u8, i64)>),
}

fn steps() -> impl Strategy<Value = Step> {
    let lines = || proptest::collection::vec((0..3_u8, 1..6_i64), 1..4);
    let receipt = 0..4_usize;
    prop_oneof![
        3 => (receipt.clone(), lines()).prop_map(|(receipt, lines)| Step::Record(receipt, lines)),
        2 => (receipt.clone(), lines()).prop_map(|(receipt, lines)| Step::Add(receipt, lines)),
        2 => receipt.clone().prop_map(Step::Complete),
        4 => (receipt, 0..9_u8, lines()).prop_map(|(receipt, number, lines)| Step::Refund(receipt, number, lines)),
        3 => lines().prop_map(Step::BringBack),
    ]
}

fn sku(number: u8) -> String {
    format!("sku-{number}")
}

/// At the till everything costs 1.00.
fn of_till(sku: &str, quantity: i64) -> Units {
    of(sku, quantity, quantity * 100)
}

/// One customer, their receipts and their purchases, changed together as the command API changes them.
#[derive(Default)]
struct Till {
    receipts: [Sale; 4],
    purchases: Purchases,
    /// Per receipt and SKU: units sold, and units refunded.
    sold: BTreeMap<(usize, String), (i64, i64)>,
    /// Per SKU, units brought back in any way.
    returned: BTreeMap<String, i64>,
}

impl Till {
    fn take(&mut self, step: Step) {
        let lines =
            |of: Vec<(u8, i64)>| of.into_iter().map(|(number, quantity)| line(&sku(number), quantity, 100)).collect();
        match step {
            Step::Record(receipt, of) => self.sell(receipt, record(lines(of))),
            Step::Add(receipt, of) => self.sell(receipt, Command::AddLines { lines: lines(of), at: AT }),
            Step::Complete(receipt) => self.sell(receipt, Command::Complete { at: AT }),
            Step::Refund(receipt, number, of) => self.refund(receipt, number, &of),
            Step::BringBack(of) => self.bring_back(&of),
        }
    }

    fn sell(&mut self, receipt: usize, command: Command) {
        for event in self.receipts[receipt].decide(command).unwrap_or_default() {
            if let Event::Recorded { lines, .. } | Event::LinesAdded { lines, .. } = &event {
                for line in lines {
                    self.sold.entry((receipt, line.sku.clone())).or_default().0 += line.quantity;
                }
                self.buy(receipt, lines.iter().map(Line::units).collect());
            }
            self.receipts[receipt].apply(event);
        }
    }

    fn buy(&mut self, receipt: usize, units: Vec<Units>) {
        let currency = "EUR".to_owned();
        let buy = purchases::Command::Buy { sale: receipt.to_string(), currency, units, at: AT };
        for event in self.purchases.decide(buy).unwrap_or_default() {
            self.purchases.apply(event);
        }
    }

    fn refund(&mut self, receipt: usize, number: u8, of: &[(u8, i64)]) {
        let names: Vec<_> = of.iter().map(|(number, quantity)| (sku(*number), *quantity)).collect();
        let wanted: Vec<_> = names.iter().map(|(sku, quantity)| (sku.as_str(), *quantity)).collect();
        let by_receipt = self.receipts[receipt].decide(refund(&number.to_string(), &wanted));
        let units = wanted.iter().map(|(sku, quantity)| of_till(sku, *quantity)).collect();
        let (document, currency) = (receipt.to_string(), "EUR".to_owned());
        let back = purchases::Command::Return { document, receipt: true, currency, units, at: AT };
        let by_customer = self.purchases.decide(back);
        let (Ok(by_receipt), Ok(by_customer)) = (by_receipt, by_customer) else { return };
        for (sku, quantity) in names {
            self.sold.entry((receipt, sku.clone())).or_default().1 += quantity;
            *self.returned.entry(sku).or_default() += quantity;
        }
        for event in by_receipt {
            self.receipts[receipt].apply(event);
        }
        for event in by_customer {
            self.purchases.apply(event);
        }
    }

    fn bring_back(&mut self, of: &[(u8, i64)]) {
        let names: Vec<_> = of.iter().map(|(number, quantity)| (sku(*number), *quantity)).collect();
        let claims = names.iter().map(|(sku, quantity)| (sku.as_str(), *quantity, Decimal::from(*quantity)));
        let outcomes = self.purchases.judge("EUR", claims);
        let accepted: Vec<_> = names
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| *outcome == Outcome::Accepted)
            .map(|((sku, quantity), _)| (sku.as_str(), *quantity))
            .collect();
        for (sku, quantity) in &accepted {
            *self.returned.entry((*sku).to_owned()).or_default() += quantity;
        }
        let units = accepted.iter().map(|(sku, quantity)| of_till(sku, *quantity)).collect();
        let events = self.purchases.decide(bring_back(units)).unwrap();
        for event in events {
            self.purchases.apply(event);
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_no_unit_comes_back_twice_by_receipt_or_without(
        steps in proptest::collection::vec(steps(), 0..80)
    ) {
        let mut till = Till::default();
        for step in steps {
            till.take(step);
            for (sold, refunded) in till.sold.values() {
                assert!(refunded <= sold, "a refund exceeds its sale");
            }
            for (sku, returned) in &till.returned {
                let bought: i64 = till.sold.iter().filter(|((_, of), _)| of == sku).map(|(_, (sold, _))| sold).sum();
                assert!(*returned <= bought, "more {sku} came back than the customer bought");
            }
        }
    }

    #[test]
    fn a_sale_only_ever_moves_forward(steps in proptest::collection::vec(steps(), 0..80)) {
        let mut till = Till::default();
        let rank = |sale: &Sale| match sale {
            Sale::Unknown => 0,
            Sale::Active(_) => 1,
            Sale::Complete(_) => 2,
        };
        for step in steps {
            let before = till.receipts.each_ref().map(rank);
            till.take(step);
            assert!(till.receipts.each_ref().map(rank) >= before);
        }
    }
}
