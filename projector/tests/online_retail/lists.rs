//! The first of everything, and who stands out.

use domain::Decimal;
use projector::reporting::Figures;
use projector::sales::Sale;
use serde_json::Value;

use crate::checks::{Mapped as _, assert_sums, text};
use crate::reference::{Answers, answers};

/// The best of a dimension as a query orders them, ties by value.
fn top<'a, K: Ord>(answers: &'a Answers, dimension: &str, by: impl Fn(&Figures) -> K) -> Vec<&'a Figures> {
    let mut rows = answers.of(dimension);
    rows.sort_by(|a, b| by(b).cmp(&by(a)).then_with(|| a.value.cmp(&b.value)));
    rows.truncate(20);
    rows
}

#[test]
fn the_best_products_and_customers_are_those_of_the_lists() {
    let Some(answers) = answers() else { return };
    let lists = [
        ("stock_codes_top20_by_units_sold", top(answers, "product", |row| Decimal::from(row.sale_units))),
        ("stock_codes_top20_by_units_cancelled", top(answers, "product", |row| Decimal::from(row.cancelled_units()))),
        ("stock_codes_top20_by_net_revenue", top(answers, "product", Figures::net_of_claims)),
    ];
    for (name, rows) in lists {
        for (expected, row) in answers.reference[name].as_array().unwrap().iter().zip(rows) {
            assert_eq!(row.value, text(&expected["stock_code"]), "{name}");
            assert_sums(name, expected, row);
            // A reason for a correction of stock, which the file has for a description, is none here.
            if row.adjustment_lines == 0 {
                // The lists show it without outer blanks, the tables as it is.
                let description = answers.products[&row.value].description.trim();
                assert_eq!(description, text(&expected["last_description"]), "{name}");
            }
        }
    }
    let mut customers =
        top(answers, "customer", |row| if row.value.is_empty() { Decimal::MIN } else { row.net_of_claims() });
    customers.truncate(20);
    let expected = answers.reference["customers_top20_by_net_revenue"].as_array().unwrap();
    for (expected, row) in expected.iter().zip(customers) {
        assert_eq!(row.value, text(&expected["customer"]));
        assert_sums("a customer", expected, row);
    }
}

#[test]
fn unlucky_customers_are_found_by_their_sums() {
    let Some(answers) = answers() else { return };
    let customers: Vec<_> = answers.of("customer").into_iter().filter(|row| !row.value.is_empty()).collect();
    let negative = customers.iter().filter(|row| row.net_of_claims() < Decimal::ZERO).count();
    assert_eq!(Value::from(negative), answers.reference["customers_with_negative_net"]);
    let only = customers.iter().filter(|row| row.cancelled_lines() > 0 && row.sale_lines == 0).count();
    assert_eq!(Value::from(only), answers.reference["customers_with_cancellations_only"]);
}

#[test]
fn changes_of_price_are_counted_between_consecutive_lines() {
    let Some(answers) = answers() else { return };
    let prices = &answers.reference["prices"];
    let changed = answers.products.values().filter(|product| product.price_changes > 0).count();
    assert_eq!(Value::from(changed), prices["stock_codes_with_more_than_one_price"]);
    let sum: i64 = answers.products.values().map(|product| product.price_changes).sum();
    assert_eq!(Value::from(sum), prices["price_changes_between_consecutive_sale_or_free_lines"]);
    for (sku, expected) in prices["top10_by_changes"].as_object().unwrap() {
        assert_eq!(Value::from(answers.products[sku].price_changes), *expected, "{sku}");
    }
}

#[test]
fn the_biggest_and_the_longest_sales_are_found_in_order() {
    let Some(answers) = answers() else { return };
    let mut sales: Vec<_> = answers.sales.iter().collect();
    let shown = |sales: &[&Sale]| {
        let rows = sales.iter().take(10).map(|row| {
            let customer = row.customer.as_deref().unwrap_or_default();
            serde_json::json!([row.id, customer, row.lines, row.units, format!("{:.3}", row.gross)])
        });
        Value::from(rows.collect::<Vec<_>>())
    };
    sales.sort_by(|a, b| b.gross.cmp(&a.gross).then_with(|| a.id.cmp(&b.id)));
    assert_eq!(shown(&sales), answers.reference["biggest_10_invoices_by_amount"]);
    sales.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.id.cmp(&b.id)));
    assert_eq!(shown(&sales), answers.reference["longest_10_invoices_by_lines"]);
}
