//! How Postgres answers the lists: the statements that are sent, explained.

use projector::Projection as _;
use projector::reporting::Reporting;
use rust_decimal::Decimal;
use sqlx::{Executor as _, PgPool, QueryBuilder};

use super::asked::Order;
use super::find::{Place, Wanted};

const FILL: &str = "insert into reporting.figures (dimension, value, currency, sale_lines, sale_units, gross, free_lines, free_units,
        accepted_lines, accepted_units, accepted_amount, unjudged_lines, unjudged_units, unjudged_amount, never_sold_lines,
        never_sold_units, never_sold_amount, exceeds_lines, exceeds_units, exceeds_amount, adjustment_lines, adjustment_units,
        bad_debt_lines, bad_debt_units, bad_debt_amount)
    select 'product', 'p' || n, case n % 2 when 0 then 'GBP' else 'EUR' end,
        1, n % 97, n % 9973, 0, 0, 0, 0, n % 89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from generate_series(1, 30000) n";

async fn fill(pool: &PgPool) {
    let mut connection = pool.acquire().await.unwrap();
    connection.execute("create schema reporting; set search_path = reporting").await.unwrap();
    connection.execute(Reporting::SCHEMA).await.unwrap();
    connection.execute("reset search_path").await.unwrap();
    connection.execute(FILL).await.unwrap();
    connection
        .execute("insert into reporting.product select value, currency, '', null, 0 from reporting.figures")
        .await
        .unwrap();
    connection.execute("analyze reporting.figures, reporting.product").await.unwrap();
}

async fn plan(pool: &PgPool, wanted: &Wanted<'_>, after: Option<&Place>) -> String {
    let mut query = QueryBuilder::new("explain (costs off) ");
    wanted.push(&mut query, after, 51);
    let lines: Vec<String> = query.build_query_scalar().fetch_all(pool).await.unwrap();
    lines.join("\n")
}

#[sqlx::test(migrator = "event_store::MIGRATOR")]
async fn every_order_of_a_list_is_read_from_an_index_and_never_sorted(pool: PgPool) {
    fill(&pool).await;
    let orders = [
        Order::Value,
        Order::ValueDown,
        Order::Gross,
        Order::GrossDown,
        Order::Net,
        Order::NetDown,
        Order::Units,
        Order::UnitsDown,
        Order::Refunds,
        Order::RefundsDown,
    ];
    for order in orders {
        let currencies = if order.is_of_amounts() { &[Some("GBP")][..] } else { &[Some("GBP"), None] };
        for currency in currencies.iter().copied() {
            let wanted = Wanted { dimension: "product", value: None, currency, order, limit: 50 };
            let value = "p500".to_owned();
            let place = Place { list: String::new(), rank: Some(Decimal::TEN), value, currency: "GBP".to_owned() };
            for after in [None, Some(&place)] {
                let plan = plan(&pool, &wanted, after).await;
                assert!(plan.contains("on figures") && plan.contains("Index Scan"), "{order:?} {currency:?}: {plan}");
                assert!(
                    !plan.contains("Sort") && !plan.contains("Seq Scan on figures"),
                    "{order:?} {currency:?}: {plan}"
                );
                // Nothing is read and thrown away: what does not belong to the page is no filter, but a bound of the scan.
                assert!(!plan.contains("Filter:"), "{order:?} {currency:?}: {plan}");
            }
        }
    }
}
