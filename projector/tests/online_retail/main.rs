//! Half a year of a gift shop's invoices, folded, against answers that another program computed from the same file.

#[cfg(test)]
#[path = "../folding/mod.rs"]
mod folding;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod shop;

use std::collections::BTreeMap;
use std::str::FromStr;

use domain::Decimal;
use projector::revenue::Figures;
use reference::{Answers, answers};
use serde_json::Value;

/// One of the reference's blocks of sums against a row of ours.
fn assert_sums(name: &str, expected: &Value, row: &Figures) {
    let number = |field: &str| expected[field].as_i64().unwrap_or_else(|| panic!("{name} has no {field}"));
    assert_eq!(row.lines, number("lines"), "lines of {name}");
    assert_eq!(row.sale_lines + row.free_lines, number("sale_and_free_lines"), "sale and free lines of {name}");
    assert_eq!(row.refund_lines, number("cancellation_lines"), "refund lines of {name}");
    assert_eq!(row.units_sold, number("units_sold"), "units sold of {name}");
    assert_eq!(row.units_cancelled, number("units_cancelled"), "units cancelled of {name}");
    assert_eq!(row.units_adjusted, number("units_adjusted"), "units adjusted of {name}");
    assert_eq!(row.gross, money(&expected["gross"]), "gross of {name}");
    assert_eq!(row.cancelled, money(&expected["cancelled"]), "cancelled of {name}");
    assert_eq!(row.bad_debt, money(&expected["bad_debt"]), "bad debt of {name}");
    assert_eq!(net(row), money(&expected["net"]), "net of {name}");
}

/// As the database computes it.
fn net(row: &Figures) -> Decimal {
    row.gross - row.cancelled + row.bad_debt
}

fn money(value: &Value) -> Decimal {
    Decimal::from_str(value.as_str().unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn is_product(sku: &str) -> bool {
    let (digits, letters) = sku.split_at(sku.len().min(5));
    digits.len() == 5
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && letters.len() <= 2
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The best of a dimension as a query orders them, ties by value.
fn top<'a, K: Ord>(answers: &'a Answers, dimension: &str, by: impl Fn(&Figures) -> K) -> Vec<&'a Figures> {
    let mut rows = answers.of(dimension);
    rows.sort_by(|a, b| by(b).cmp(&by(a)).then_with(|| a.value.cmp(&b.value)));
    rows.truncate(20);
    rows
}

#[test]
fn the_totals_are_those_of_the_file() {
    let Some(answers) = answers() else { return };
    let (counts, all) = (&answers.reference["counts"], answers.figures("all", ""));
    let totals = &answers.reference["totals"];
    assert_eq!((all.gross, all.cancelled), (money(&totals["gross"]), money(&totals["cancelled"])));
    assert_eq!((all.bad_debt, net(all)), (money(&totals["bad_debt"]), money(&totals["net"])));
    let lines = &counts["lines_by_kind"];
    assert_eq!(all.lines, counts["rows"].as_i64().unwrap());
    assert_eq!(Value::from(all.sale_lines), lines["sale"]);
    assert_eq!(Value::from(all.free_lines), lines["free"]);
    assert_eq!(Value::from(all.refund_lines), lines["cancellation"]);
    assert_eq!(Value::from(all.adjustment_lines), lines["stock_adjustment"]);
    let units = &counts["units_by_kind"];
    assert_eq!(Value::from(all.units_sold - all.units_free), units["sale"]);
    assert_eq!(Value::from(all.units_free), units["free"]);
    assert_eq!(Value::from(-all.units_cancelled), units["cancellation"]);
    assert_eq!(Value::from(all.units_adjusted), units["stock_adjustment"]);
    assert_eq!(all.currency.as_deref(), Some("GBP"));
}

#[test]
fn documents_customers_products_and_countries_are_counted_once() {
    let Some(answers) = answers() else { return };
    let (counts, all) = (&answers.reference["counts"], answers.figures("all", ""));
    let invoices = &counts["invoices_by_kind"];
    assert_eq!(all.with_sale.map(Value::from).as_ref(), Some(&invoices["sale"]));
    assert_eq!(all.with_free.map(Value::from).as_ref(), Some(&invoices["free"]));
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
        lines += row.lines;
        total += net(row);
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
        assert_eq!(Value::from(row.lines), expected[0], "{day}");
        assert_eq!([row.gross, row.cancelled, net(row)], [1, 2, 3].map(|at| money(&expected[at])), "{day}");
    }
    for (customer, expected) in rows("per_customer") {
        let row = answers.figures("customer", customer);
        assert_eq!([row.units_sold, row.units_cancelled].map(Value::from), [0, 1].map(|at| expected[at].clone()));
        assert_eq!([row.gross, row.cancelled, net(row)], [2, 3, 4].map(|at| money(&expected[at])), "{customer}");
    }
    for (sku, expected) in rows("per_stock_code") {
        let row = answers.figures("product", sku);
        let units = [row.units_sold, row.units_cancelled, row.units_adjusted];
        assert_eq!(units.map(Value::from), [0, 1, 2].map(|at| expected[at].clone()), "{sku}");
        assert_eq!([row.gross, row.cancelled, net(row)], [3, 4, 5].map(|at| money(&expected[at])), "{sku}");
        assert_eq!(answers.products[sku].last_description, text(&expected[6]), "{sku}");
    }
    for (id, expected) in rows("per_invoice") {
        let row = &answers.documents[id];
        assert_eq!((row.customer.as_str(), row.country.as_str()), (text(&expected[0]), text(&expected[1])), "{id}");
        assert_eq!(row.at.format("%Y-%m-%d %H:%M:%S").to_string(), text(&expected[2]), "{id}");
        assert_eq!([row.lines, row.units].map(Value::from), [3, 4].map(|at| expected[at].clone()), "{id}");
        assert_eq!(row.amount, money(&expected[5]), "{id}");
    }
}

#[test]
fn the_best_products_and_customers_are_those_of_the_lists() {
    let Some(answers) = answers() else { return };
    let lists = [
        ("stock_codes_top20_by_units_sold", top(answers, "product", |row| Decimal::from(row.units_sold))),
        ("stock_codes_top20_by_units_cancelled", top(answers, "product", |row| Decimal::from(row.units_cancelled))),
        ("stock_codes_top20_by_net_revenue", top(answers, "product", net)),
    ];
    for (name, rows) in lists {
        for (expected, row) in answers.reference[name].as_array().unwrap().iter().zip(rows) {
            assert_eq!(row.value, text(&expected["stock_code"]), "{name}");
            assert_sums(name, expected, row);
            // The lists show it without outer blanks, the tables as it is.
            assert_eq!(
                answers.products[&row.value].last_description.trim(),
                text(&expected["last_description"]),
                "{name}"
            );
        }
    }
    let mut customers = top(answers, "customer", |row| if row.value.is_empty() { Decimal::MIN } else { net(row) });
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
    let negative = customers.iter().filter(|row| net(row) < Decimal::ZERO).count();
    assert_eq!(Value::from(negative), answers.reference["customers_with_negative_net"]);
    let only = customers.iter().filter(|row| row.refund_lines > 0 && row.sale_lines + row.free_lines == 0).count();
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
fn refunds_are_split_by_what_became_of_them() {
    let Some(answers) = answers() else { return };
    let expected = &answers.reference["refund_check"]["outcomes"];
    let outcomes = |row: &Figures| {
        [
            ("accepted", (row.accepted_lines, row.accepted_units, row.accepted_amount)),
            (
                "rejected_never_sold",
                (row.refused_never_sold_lines, row.refused_never_sold_units, row.refused_never_sold_amount),
            ),
            ("rejected_exceeds", (row.refused_exceeds_lines, row.refused_exceeds_units, row.refused_exceeds_amount)),
            ("no_customer", (row.unjudged_lines, row.unjudged_units, row.unjudged_amount)),
        ]
    };
    let mut sums: BTreeMap<String, (i64, i64, Decimal)> = BTreeMap::new();
    for (name, sum) in outcomes(answers.figures("all", "")) {
        sums.insert(name.to_owned(), sum);
    }
    for row in answers.of("product") {
        let kind = if is_product(&row.value) { "product" } else { "service" };
        for (name, (lines, units, amount)) in outcomes(row) {
            let sum = sums.entry(format!("{name}/{kind}")).or_default();
            *sum = (sum.0 + lines, sum.1 + units, sum.2 + amount);
        }
    }
    for (name, expected) in expected.as_object().unwrap() {
        let (lines, units, amount) = sums[name];
        assert_eq!([lines, units].map(Value::from), [expected["lines"].clone(), expected["units"].clone()], "{name}");
        assert_eq!(amount, money(&expected["amount"]), "{name}");
    }
}

#[test]
fn every_refused_refund_is_listed_with_its_reason_and_balance() {
    let Some(answers) = answers() else { return };
    let refused: Vec<Value> = answers
        .refund_lines
        .iter()
        .filter(|row| row.outcome == "refused")
        .map(|row| {
            serde_json::json!([
                answers.file_lines[&(row.position, row.line)],
                row.document,
                row.sku,
                row.customer,
                row.quantity,
                row.balance,
                format!("{:.3}", row.amount),
                format!("rejected_{}", row.reason.as_deref().unwrap()),
                if is_product(&row.sku) { "product" } else { "service" },
            ])
        })
        .collect();
    assert_eq!(Value::from(refused), answers.tables["rejected_refunds"]);
}

#[test]
fn the_biggest_and_the_longest_sales_are_found_in_order() {
    let Some(answers) = answers() else { return };
    let mut sales: Vec<_> = answers.sales.iter().collect();
    let shown = |sales: &[&projector::sales::Sale]| {
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

#[test]
fn the_lines_of_sales_hold_every_description_and_price() {
    let Some(answers) = answers() else { return };
    assert_eq!(
        Value::from(answers.sale_lines.len() + answers.refund_lines.len() + 636),
        answers.reference["counts"]["rows"]
    );
    let anomalies = &answers.reference["anomalies"];
    let largest = answers.sale_lines.iter().map(|row| row.quantity).max();
    assert_eq!(largest.map(Value::from).as_ref(), Some(&anomalies["largest_quantity_line"]));
    let finer = answers.sale_lines.iter().filter(|row| row.unit_price.normalize().scale() > 2).count();
    assert_eq!(Value::from(finer), anomalies["rows_price_finer_than_penny"]);
}
