//! The revenue's read model: sums over sales, refunds, adjustments and written-off debts.
#![cfg(test)]

mod folding;

use domain::Decimal;
use domain::sales::purchases::{Outcome, Reason};
use domain::sales::sale;
use folding::till::{added, adjusted, line, opened, refunded, returned, sold_to, written_off};
use folding::{Log, fold};
use projector::revenue::{Figures, Product, Revenue, RevenueRows, UNSTATED};

fn figures_in(currency: &str, rows: &RevenueRows, dimension: &str, value: &str) -> Figures {
    rows.figures.get(&(dimension.to_owned(), value.to_owned(), currency.to_owned())).unwrap().cloned().unwrap()
}

fn figures(rows: &RevenueRows, dimension: &str, value: &str) -> Figures {
    figures_in("GBP", rows, dimension, value)
}

fn product(log: &Log, sku: &str) -> Product {
    fold(&Revenue, &log.events).product.get(&sku.to_owned()).unwrap().cloned().unwrap()
}

fn pounds(pence: i64) -> Decimal {
    Decimal::new(pence, 2)
}

#[test]
fn a_sale_counts_for_everything_its_day_month_country_store_customer_and_products() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(Some("17850"), 1, vec![line("lamp", 2, 150)]));
    let rows = fold(&Revenue, &log.events);
    let sides = [
        ("all", ""),
        ("day", "1970-01-01"),
        ("month", "1970-01"),
        ("country", "United Kingdom"),
        ("store", "leeds"),
        ("customer", "17850"),
        ("product", "lamp"),
    ];
    for (dimension, value) in sides {
        let row = figures(&rows, dimension, value);
        assert_eq!((row.sale_lines, row.units_sold, row.gross), (1, 2, pounds(300)), "{dimension}");
    }
}

#[test]
fn free_lines_count_as_units_sold_but_not_as_sale_lines() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 2, 150), line("bag", 5, 0)]));
    let row = figures(&fold(&Revenue, &log.events), "all", "");
    assert_eq!((row.sale_lines, row.free_lines, row.units_sold, row.units_free), (1, 1, 7, 5));
}

#[test]
fn a_sale_is_counted_once_and_what_it_shows_later_is_counted_then() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 2, 150)]));
    log.record("sale", "1", &added(1, vec![line("bag", 1, 0), line("lamp", 1, 150)]));
    log.record("sale", "1", &added(1, vec![line("bag", 1, 0)]));
    let row = figures(&fold(&Revenue, &log.events), "month", "1970-01");
    assert_eq!((row.sale_documents, row.with_sale, row.with_free), (Some(1), Some(1), Some(1)));
    assert_eq!(row.lines, 4);
}

#[test]
fn all_refunds_are_cancelled_revenue_and_counted_by_outcome() {
    let refused = |reason| Outcome::Refused { reason, balance: 0 };
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
    let row = figures(&fold(&Revenue, &log.events), "all", "");
    assert_eq!((row.refund_lines, row.units_cancelled, row.cancelled), (5, 57, pounds(5700)));
    assert_eq!((row.accepted_lines, row.accepted_units, row.accepted_amount), (2, 2, pounds(200)));
    assert_eq!((row.refused_never_sold_lines, row.refused_never_sold_units), (1, 2));
    assert_eq!((row.refused_exceeds_lines, row.refused_exceeds_amount), (1, pounds(5000)));
    assert_eq!((row.unjudged_lines, row.refund_documents), (1, Some(3)));
}

#[test]
fn an_adjustment_counts_for_country_and_currency_of_its_store_and_for_no_money() {
    let mut log = Log::default();
    log.record("store", "lyon", &opened("France"));
    log.record("stock_item", "lyon/lamp", &adjusted(-4, "broken", Some("536589")));
    let rows = fold(&Revenue, &log.events);
    let row = figures_in("EUR", &rows, "country", "France");
    assert_eq!((row.adjustment_lines, row.units_adjusted, row.adjustment_documents), (1, -4, Some(1)));
    assert_eq!(row.gross, Decimal::ZERO);
    assert_eq!(figures_in("EUR", &rows, "customer", "").units_adjusted, -4);
}

#[test]
fn an_adjustment_in_a_store_that_never_opened_counts_in_no_currency() {
    let mut log = Log::default();
    log.record("stock_item", "lyon/lamp", &adjusted(-4, "broken", None));
    assert_eq!(figures_in("XXX", &fold(&Revenue, &log.events), "store", "lyon").units_adjusted, -4);
}

#[test]
fn a_written_off_debt_is_neither_gross_nor_cancelled() {
    let mut log = Log::default();
    log.record("bad_debt", "A1", &written_off(1, -1106));
    let row = figures(&fold(&Revenue, &log.events), "all", "");
    assert_eq!((row.gross, row.cancelled, row.bad_debt), (Decimal::ZERO, Decimal::ZERO, pounds(-1106)));
    assert_eq!((row.bad_debt_lines, row.units_sold), (1, 0));
}

#[test]
fn a_customer_is_active_once_a_month_and_new_once() {
    let mut log = Log::default();
    for (id, day) in [("1", 1), ("2", 2), ("3", 40)] {
        log.record("sale", id, &sold_to(Some("17850"), day, vec![line("lamp", 1, 100)]));
    }
    log.record("sale", "4", &sold_to(None, 40, vec![line("lamp", 1, 100)]));
    let rows = fold(&Revenue, &log.events);
    let month = |value| (figures(&rows, "month", value).active_customers, figures(&rows, "month", value).new_customers);
    assert_eq!((month("1970-01"), month("1970-02")), ((Some(1), Some(1)), (Some(1), Some(0))));
    assert_eq!(figures(&rows, "all", "").active_customers, Some(1));
}

#[test]
fn a_customer_who_only_brings_things_back_is_not_active() {
    let mut log = Log::default();
    log.record("return", "C1", &returned(Some("17850"), vec![(line("lamp", 1, 100), Outcome::Accepted)]));
    let row = figures(&fold(&Revenue, &log.events), "month", "1970-01");
    assert_eq!((row.active_customers, row.new_customers), (Some(0), Some(0)));
}

#[test]
fn changes_of_price_are_counted_between_consecutive_lines_of_a_product() {
    let mut log = Log::default();
    let prices = [100, 100, 120, 0, 120];
    log.record("sale", "1", &sold_to(None, 1, prices.map(|pence| line("lamp", 1, pence)).to_vec()));
    log.record("return", "C1", &returned(None, vec![(line("lamp", 1, 999), Outcome::Unjudged)]));
    let row = product(&log, "lamp");
    assert_eq!((row.price_changes, row.last_price), (3, Some(pounds(120))));
}

#[test]
fn the_last_description_is_the_last_that_says_anything_on_any_line() {
    let mut log = Log::default();
    log.record("sale", "1", &sold_to(None, 1, vec![line("lamp", 1, 100)]));
    log.record("stock_item", "leeds/lamp", &adjusted(-1, "smashed", None));
    log.record("stock_item", "leeds/lamp", &adjusted(-1, UNSTATED, None));
    assert_eq!(product(&log, "lamp").last_description, "smashed");
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
    let rows = fold(&Revenue, &log.events);
    let gross = |currency, dimension, value| figures_in(currency, &rows, dimension, value).gross;
    assert_eq!((gross("GBP", "all", ""), gross("EUR", "all", "")), (pounds(100), pounds(100)));
    assert_eq!((gross("GBP", "product", "lamp"), gross("EUR", "product", "cup")), (pounds(100), pounds(100)));
}

#[test]
fn lines_of_a_sale_that_was_never_recorded_stop_the_projection() {
    let mut log = Log::default();
    log.record("sale", "1", &added(1, vec![line("lamp", 1, 100)]));
    assert!(folding::try_fold(&Revenue, &log.events).is_err());
}

#[test]
fn an_adjustment_of_an_item_in_no_store_stops_the_projection() {
    let mut log = Log::default();
    log.record("stock_item", "nowhere", &adjusted(1, "found", None));
    assert!(folding::try_fold(&Revenue, &log.events).is_err());
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn a_store_may_open_and_be_adjusted_in_one_batch(pool: sqlx::PgPool) {
    let mut log = Log::default();
    log.record("store", "lyon", &opened("France"));
    log.record("stock_item", "lyon/lamp", &adjusted(-4, "broken", Some("536589")));
    for batch in [2, 1] {
        folding::store(&pool, &Revenue, &log.events, batch).await;
        let sql = "select units_adjusted from revenue.figures where dimension = 'country' and value = 'France'";
        assert_eq!(sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap(), -4);
    }
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn what_is_not_an_article_number_is_a_service(pool: sqlx::PgPool) {
    let mut log = Log::default();
    let skus = ["85123A", "22423", "15056BL", "POST", "85123ABC", "gift_0001_20"];
    log.record("sale", "1", &sold_to(None, 1, skus.map(|sku| line(sku, 1, 100)).to_vec()));
    folding::store(&pool, &Revenue, &log.events, 1).await;
    let sql = "select sku from revenue.product where service order by sku collate \"C\"";
    let services: Vec<String> = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
    assert_eq!(services, ["85123ABC", "POST", "gift_0001_20"]);
}
