//! Sums and counts, from every side.

use domain::Decimal;
use serde_json::Value;

use crate::checks::{Mapped as _, assert_sums, money, text};
use crate::reference::answers;

#[test]
fn the_totals_are_those_of_the_file() {
    let Some(answers) = answers() else { return };
    let (counts, all) = (&answers.reference["counts"], answers.figures("all", ""));
    let totals = &answers.reference["totals"];
    assert_eq!((all.gross, all.cancelled()), (money(&totals["gross"]), money(&totals["cancelled"])));
    assert_eq!((all.bad_debt_amount, all.net_of_claims()), (money(&totals["bad_debt"]), money(&totals["net"])));
    let lines = &counts["lines_by_kind"];
    assert_eq!(all.lines(), counts["rows"].as_i64().unwrap());
    assert_eq!(Value::from(all.sale_lines - all.free_lines), lines["sale"]);
    assert_eq!(Value::from(all.free_lines), lines["free"]);
    assert_eq!(Value::from(all.cancelled_lines()), lines["cancellation"]);
    assert_eq!(Value::from(all.adjustment_lines), lines["stock_adjustment"]);
    let units = &counts["units_by_kind"];
    assert_eq!(Value::from(all.sale_units - all.free_units), units["sale"]);
    assert_eq!(Value::from(all.free_units), units["free"]);
    assert_eq!(Value::from(-all.cancelled_units()), units["cancellation"]);
    assert_eq!(Value::from(all.adjustment_units), units["stock_adjustment"]);
}

#[test]
fn documents_customers_products_and_countries_are_counted_once() {
    let Some(answers) = answers() else { return };
    let (counts, all) = (&answers.reference["counts"], answers.figures("all", ""));
    let invoices = &counts["invoices_by_kind"];
    let paid = answers.sales.iter().filter(|sale| !sale.gross.is_zero());
    assert_eq!(Value::from(paid.count()), invoices["sale"]);
    assert_eq!(all.free_documents.map(Value::from).as_ref(), Some(&invoices["free"]));
    assert_eq!(all.refund_documents.map(Value::from).as_ref(), Some(&invoices["cancellation"]));
    assert_eq!(all.adjustment_documents.map(Value::from).as_ref(), Some(&invoices["stock_adjustment"]));
    assert_eq!(Value::from(answers.documents.len()), counts["invoices"]);
    let customers = answers.of("customer").into_iter().filter(|row| !row.value.is_empty());
    assert_eq!(Value::from(customers.count()), counts["customers"]);
    assert_eq!(Value::from(answers.of("product").len()), counts["stock_codes"]);
    assert_eq!(Value::from(answers.of("country").len()), counts["countries"]);
}

#[test]
fn every_month_has_its_sums_documents_and_customers() {
    let Some(answers) = answers() else { return };
    let months = answers.reference["per_month"].as_object().unwrap();
    assert_eq!(answers.of("month").len(), months.len());
    let (mut lines, mut total) = (0, Decimal::ZERO);
    for (month, expected) in months {
        let row = answers.figures("month", month);
        assert_sums(month, expected, row);
        assert_eq!(row.sale_documents.map(Value::from).as_ref(), Some(&expected["sale_invoices"]), "{month}");
        assert_eq!(row.refund_documents.map(Value::from).as_ref(), Some(&expected["cancellation_invoices"]), "{month}");
        assert_eq!(row.active_customers.map(Value::from).as_ref(), Some(&expected["active_customers"]), "{month}");
        assert_eq!(row.new_customers.map(Value::from).as_ref(), Some(&expected["new_customers"]), "{month}");
        let until = &answers.reference["as_of_month_end"][month];
        lines += row.lines();
        total += row.net_of_claims();
        assert_eq!((Value::from(lines), total), (until["lines"].clone(), money(&until["net"])), "until {month}");
    }
}

#[test]
fn every_country_and_nobody_in_particular_have_their_sums() {
    let Some(answers) = answers() else { return };
    for (country, expected) in answers.reference["per_country"].as_object().unwrap() {
        assert_sums(country, expected, answers.figures("country", country));
    }
    assert_sums("nobody", &answers.reference["rows_without_customer_totals"], answers.figures("customer", ""));
}

#[test]
fn every_day_customer_product_and_document_is_as_in_the_tables() {
    let Some(answers) = answers() else { return };
    let rows = |table: &str| answers.tables[table].as_object().unwrap();
    assert_eq!(answers.of("day").len(), rows("per_day").len());
    for (day, expected) in rows("per_day") {
        let row = answers.figures("day", day);
        assert_eq!(Value::from(row.lines()), expected[0], "{day}");
        assert_eq!(
            [row.gross, row.cancelled(), row.net_of_claims()],
            [1, 2, 3].map(|at| money(&expected[at])),
            "{day}"
        );
    }
    for (customer, expected) in rows("per_customer") {
        let row = answers.figures("customer", customer);
        assert_eq!([row.sale_units, row.cancelled_units()].map(Value::from), [0, 1].map(|at| expected[at].clone()));
        assert_eq!(
            [row.gross, row.cancelled(), row.net_of_claims()],
            [2, 3, 4].map(|at| money(&expected[at])),
            "{customer}"
        );
    }
    for (sku, expected) in rows("per_stock_code") {
        let row = answers.figures("product", sku);
        let units = [row.sale_units, row.cancelled_units(), row.adjustment_units];
        assert_eq!(units.map(Value::from), [0, 1, 2].map(|at| expected[at].clone()), "{sku}");
        assert_eq!(
            [row.gross, row.cancelled(), row.net_of_claims()],
            [3, 4, 5].map(|at| money(&expected[at])),
            "{sku}"
        );
        // A reason for a correction of stock, which the file has for a description, is none here.
        if row.adjustment_lines == 0 {
            assert_eq!(answers.products[sku].description, text(&expected[6]), "{sku}");
        }
    }
    for (id, expected) in rows("per_invoice") {
        let row = &answers.documents[id];
        assert_eq!((row.customer.as_str(), row.country.as_str()), (text(&expected[0]), text(&expected[1])), "{id}");
        assert_eq!(row.at.format("%Y-%m-%d %H:%M:%S").to_string(), text(&expected[2]), "{id}");
        assert_eq!([row.lines, row.units].map(Value::from), [3, 4].map(|at| expected[at].clone()), "{id}");
        assert_eq!(row.amount, money(&expected[5]), "{id}");
    }
}
