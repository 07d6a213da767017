//! The figures' read model: sums over sales, refunds, adjustments and written-off debts, from every side.
#![cfg(test)]

mod folding;

use chrono::{DateTime, Utc};
use domain::Decimal;
use domain::catalog::{product, store};
use domain::inventory::stock_item;
use domain::sales::purchases::{Outcome, Reason};
use domain::sales::sale;
use folding::till::{added, adjusted, line, opened, refunded, returned, sold_to, written_off};
use folding::{Log, fold};
use projector::reporting::{Figures, Product, Reporting, ReportingRows};

fn figures_in(currency: &str, rows: &ReportingRows, dimension: &str, value: &str) -> Figures {
    rows.figures.get(&(dimension.to_owned(), value.to_owned(), currency.to_owned())).unwrap().cloned().unwrap()
}

fn figures(rows: &ReportingRows, dimension: &str, value: &str) -> Figures {
    figures_in("GBP", rows, dimension, value)
}

fn known(log: &Log, sku: &str) -> Product {
    fold(&Reporting, &log.events).product.get(&(sku.to_owned(), "GBP".to_owned())).unwrap().cloned().unwrap()
}

fn pounds(pence: i64) -> Decimal {
    Decimal::new(pence, 2)
}

#[test]
fn a_sale_counts_for_everything_its_day_week_month_country_store_channel_customer_products_and_their_categories() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(Some("17850"), 1, vec![line("lamp", 2, 150)]));
    let rows = fold(&Reporting, &log.events);
    let sides = [
        ("all", ""),
        ("day", "1970-01-01"),
        ("week", "1970-W01"),
        ("month", "1970-01"),
        ("channel", "till"),
        ("category", ""),
        ("country", "United Kingdom"),
        ("store", "leeds"),
        ("customer", "17850"),
        ("product", "lamp"),
    ];
    for (dimension, value) in sides {
        let row = figures(&rows, dimension, value);
        assert_eq!((row.sale_lines, row.sale_units, row.gross), (1, 2, pounds(300)), "{dimension}");
    }
}

#[test]
fn what_is_given_away_is_sold_for_nothing_and_counted_apart_as_well() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 2, 150), line("bag", 5, 0)]));
    let row = figures(&fold(&Reporting, &log.events), "all", "");
    assert_eq!((row.sale_lines, row.free_lines, row.sale_units, row.free_units), (2, 1, 7, 5));
}

#[test]
fn a_sale_is_counted_once_and_what_it_shows_later_is_counted_then() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 2, 150)]));
    log.record("sale", "1", &added(1, vec![line("bag", 1, 0), line("lamp", 1, 150)]));
    log.record("sale", "1", &added(1, vec![line("bag", 1, 0)]));
    let row = figures(&fold(&Reporting, &log.events), "month", "1970-01");
    assert_eq!((row.sale_documents, row.free_documents, row.sale_lines), (Some(1), Some(1), 4));
}

#[test]
fn claims_are_counted_by_what_became_of_them() {
    let refused = |reason| Outcome::Refused { reason, balance: 0, paid: None };
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(Some("17850"), 1, vec![line("lamp", 9, 100)]));
    log.record("sale", "1", &refunded("R1", "lamp", 1, 100));
    log.record(
        "return",
        "C1",
        &returned(
            Some("17850"),
            vec![
                (line("lamp", 1, 100), Outcome::Accepted),
                (line("cup", 2, 100), refused(Reason::NeverSold)),
                (line("lamp", 50, 100), refused(Reason::Exceeds)),
            ],
        ),
    );
    log.record("return", "C2", &returned(None, vec![(line("lamp", 3, 100), Outcome::Unjudged)]));
    let row = figures(&fold(&Reporting, &log.events), "all", "");
    assert_eq!((row.accepted_lines, row.accepted_units, row.accepted_amount), (2, 2, pounds(200)));
    assert_eq!((row.never_sold_lines, row.never_sold_units), (1, 2));
    assert_eq!((row.exceeds_lines, row.exceeds_amount), (1, pounds(5000)));
    assert_eq!((row.unjudged_lines, row.refund_documents), (1, Some(3)));
}

#[test]
fn an_adjustment_counts_for_country_and_currency_of_its_store_and_for_no_money() {
    let mut log = Log::default();
    log.record("store", "lyon", &opened("France"));
    log.record("stock_item", "lyon/lamp", &adjusted(-4, "broken", Some("536589")));
    let rows = fold(&Reporting, &log.events);
    let row = figures_in("EUR", &rows, "country", "France");
    assert_eq!((row.adjustment_lines, row.adjustment_units, row.adjustment_documents), (1, -4, Some(1)));
    assert_eq!(row.gross, Decimal::ZERO);
    assert_eq!(figures_in("EUR", &rows, "customer", "").adjustment_units, -4);
}

#[test]
fn an_adjustment_in_a_store_that_the_catalog_does_not_know_counts_in_no_currency() {
    let mut log = Log::default();
    log.record("stock_item", "lyon/lamp", &adjusted(-4, "broken", None));
    assert_eq!(figures_in("", &fold(&Reporting, &log.events), "store", "lyon").adjustment_units, -4);
}

#[test]
fn a_written_off_debt_is_neither_sold_nor_refunded() {
    let mut log = Log::default();
    log.record("bad_debt", "A1", &written_off(1, -1106));
    let row = figures(&fold(&Reporting, &log.events), "all", "");
    assert_eq!((row.gross, row.accepted_amount, row.bad_debt_amount), (Decimal::ZERO, Decimal::ZERO, pounds(-1106)));
    assert_eq!((row.bad_debt_lines, row.bad_debt_units, row.sale_units), (1, 1, 0));
}

#[test]
fn a_customer_is_active_once_a_month_and_new_once() {
    let mut log = Log::default();
    for (id, day) in [("1", 1), ("2", 2), ("3", 40)] {
        log.record("sale", id, &sold_to(Some("17850"), day, vec![line("lamp", 1, 100)]));
    }
    log.record("sale", "4", &sold_to(None, 40, vec![line("lamp", 1, 100)]));
    let rows = fold(&Reporting, &log.events);
    let month = |value| (figures(&rows, "month", value).active_customers, figures(&rows, "month", value).new_customers);
    assert_eq!((month("1970-01"), month("1970-02")), ((Some(1), Some(1)), (Some(1), Some(0))));
    assert_eq!(figures(&rows, "all", "").active_customers, Some(1));
}

#[test]
fn a_customer_who_only_brings_things_back_is_not_active() {
    let mut log = Log::default();
    log.record("return", "C1", &returned(Some("17850"), vec![(line("lamp", 1, 100), Outcome::Accepted)]));
    let row = figures(&fold(&Reporting, &log.events), "month", "1970-01");
    assert_eq!((row.active_customers, row.new_customers), (Some(0), Some(0)));
}

#[test]
fn changes_of_price_are_counted_between_consecutive_lines_of_a_product() {
    let mut log = Log::default();
    let prices = [100, 100, 120, 0, 120];
    log.record("sale", "1", &sold_to(None, 1, prices.map(|pence| line("lamp", 1, pence)).to_vec()));
    log.record("return", "C1", &returned(None, vec![(line("lamp", 1, 999), Outcome::Unjudged)]));
    let row = known(&log, "lamp");
    assert_eq!((row.price_changes, row.last_price), (3, Some(pounds(120))));
}

#[test]
fn a_description_is_the_last_that_says_anything_and_a_reason_is_none() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 1, 100)]));
    log.record("stock_item", "leeds/lamp", &adjusted(-1, "smashed", None));
    log.record(
        "sale",
        "1",
        &added(1, vec![domain::sales::Line { description: " ".to_owned(), ..line("lamp", 1, 100) }]),
    );
    assert_eq!(known(&log, "lamp").description, "A lamp");
}

#[test]
fn amounts_in_several_currencies_are_not_added_up() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 1, 100)]));
    let sale::Event::Recorded { store, customer, country, lines, at, .. } = sold_to(None, 1, vec![line("cup", 1, 100)])
    else {
        unreachable!()
    };
    log.record("sale", "2", &sale::Event::Recorded { store, customer, country, currency: "EUR".to_owned(), lines, at });
    let rows = fold(&Reporting, &log.events);
    let gross = |currency, dimension, value| figures_in(currency, &rows, dimension, value).gross;
    assert_eq!((gross("GBP", "all", ""), gross("EUR", "all", "")), (pounds(100), pounds(100)));
    assert_eq!((gross("GBP", "product", "lamp"), gross("EUR", "product", "cup")), (pounds(100), pounds(100)));
}

#[test]
fn lines_of_a_sale_that_was_never_recorded_stop_the_projection() {
    let mut log = Log::default();
    log.record("sale", "1", &added(1, vec![line("lamp", 1, 100)]));
    assert!(folding::try_fold(&Reporting, &log.events).is_err());
}

#[test]
fn an_adjustment_of_an_item_in_no_store_stops_the_projection() {
    let mut log = Log::default();
    log.record("stock_item", "nowhere", &adjusted(1, "found", None));
    assert!(folding::try_fold(&Reporting, &log.events).is_err());
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_store_may_open_and_be_adjusted_in_one_batch(pool: sqlx::PgPool) {
    let mut log = Log::default();
    log.record("store", "lyon", &opened("France"));
    log.record("stock_item", "lyon/lamp", &adjusted(-4, "broken", Some("536589")));
    for batch in [2, 1] {
        folding::store(&pool, &Reporting, &log.events, batch).await;
        let sql = "select adjustment_units from reporting.figures where dimension = 'country' and value = 'France'";
        assert_eq!(sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap(), -4);
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_store_may_open_after_it_was_looked_for_in_vain(pool: sqlx::PgPool) {
    let mut log = Log::default();
    log.record("stock_item", "lyon/lamp", &adjusted(-1, "broken", None));
    log.record("store", "lyon", &opened("France"));
    log.record("stock_item", "lyon/lamp", &adjusted(-4, "broken", None));
    folding::store_remembering(&pool, &Reporting, &log.events, &[1, 2]).await;
    let sql = "select adjustment_units from reporting.figures where dimension = 'store' order by currency";
    let units: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
    assert_eq!(units, [-1, -4]);
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn net_is_what_was_sold_less_what_was_taken_back_and_no_refused_claim_or_debt_lowers_it(pool: sqlx::PgPool) {
    let refused = Outcome::Refused { reason: Reason::Exceeds, balance: 0, paid: None };
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(Some("17850"), 1, vec![line("lamp", 9, 100)]));
    log.record("sale", "1", &refunded("R1", "lamp", 1, 100));
    let claimed = vec![(line("lamp", 2, 100), Outcome::Accepted), (line("lamp", 50, 100), refused)];
    log.record("return", "C1", &returned(Some("17850"), claimed));
    log.record("return", "C2", &returned(None, vec![(line("lamp", 3, 50), Outcome::Unjudged)]));
    log.record("bad_debt", "A1", &written_off(1, -1106));
    folding::store(&pool, &Reporting, &log.events, 10).await;
    let sql = "select gross, refunded, net from reporting.figures where dimension = 'all'";
    let sums: (Decimal, Decimal, Decimal) = sqlx::query_as(sql).fetch_one(&pool).await.unwrap();
    assert_eq!(sums, (pounds(900), pounds(450), pounds(450)));
}

#[test]
fn a_line_counts_for_the_category_that_its_product_was_in_when_it_was_sold() {
    let mut log = Log::default();
    let (name, category) = ("Lamp".to_owned(), Some("living".to_owned()));
    let added = product::Event::Added { name, price: Decimal::ONE, currency: "GBP".to_owned(), category };
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 1, 100)]));
    log.record("product", "lamp", &added);
    log.record("sale", "2", &sold_to(None, 1, vec![line("lamp", 2, 100)]));
    log.record("product", "lamp", &product::Event::Categorised { category: "garden".to_owned() });
    log.record("sale", "3", &sold_to(None, 1, vec![line("lamp", 4, 100)]));
    let rows = fold(&Reporting, &log.events);
    let units = ["", "living", "garden"].map(|value| figures(&rows, "category", value).sale_units);
    assert_eq!(units, [1, 2, 4]);
}

#[test]
fn a_day_a_week_and_a_month_are_those_of_the_store() {
    let open = |zone: &str| store::Event::Opened {
        name: "Leeds".to_owned(),
        country: "United Kingdom".to_owned(),
        currency: "GBP".to_owned(),
        time_zone: Some(zone.to_owned()),
        at: folding::till::day(1),
    };
    // 31 August 2025 was a Sunday; in London it is an hour later than in UTC.
    let late: DateTime<Utc> = "2025-08-31T23:30:00Z".parse().unwrap();
    let sold_late = |number: &str, log: &mut Log| {
        let sale::Event::Recorded { store, customer, country, currency, lines, .. } =
            sold_to(None, 1, vec![line("lamp", 1, 100)])
        else {
            unreachable!()
        };
        let sold = sale::Event::Recorded { store, customer, country, currency, lines, at: late };
        log.record("sale", number, &sold);
    };
    let mut log = Log::default();
    sold_late("1", &mut log);
    log.record("store", "leeds", &open("Europe/London"));
    sold_late("2", &mut log);
    log.record(
        "stock_item",
        "leeds/lamp",
        &stock_item::Event::Adjusted { quantity: -1, reason: "broken".to_owned(), document: None, at: late },
    );
    let rows = fold(&Reporting, &log.events);
    for (dimension, before, after) in
        [("day", "2025-08-31", "2025-09-01"), ("week", "2025-W35", "2025-W36"), ("month", "2025-08", "2025-09")]
    {
        let units =
            |value| (figures(&rows, dimension, value).sale_units, figures(&rows, dimension, value).adjustment_units);
        assert_eq!((units(before), units(after)), ((1, 0), (1, -1)), "{dimension}");
    }
}

#[test]
fn the_last_price_is_one_of_the_currency_it_is_told_in() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 1, 100)]));
    let sale::Event::Recorded { store, customer, country, lines, at, .. } =
        sold_to(None, 1, vec![line("lamp", 1, 700)])
    else {
        unreachable!()
    };
    log.record("sale", "2", &sale::Event::Recorded { store, customer, country, currency: "EUR".to_owned(), lines, at });
    let pounds_alone = known(&log, "lamp");
    assert_eq!((pounds_alone.last_price, pounds_alone.price_changes), (Some(pounds(100)), 0));
}
