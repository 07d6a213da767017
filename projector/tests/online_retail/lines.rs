//! What the single lines tell, and what became of refunds.

use std::collections::BTreeMap;

use domain::Decimal;
use projector::reporting::Figures;
use serde_json::Value;

use crate::checks::{is_product, money};
use crate::reference::answers;

#[test]
fn refunds_are_split_by_what_became_of_them() {
    let Some(answers) = answers() else { return };
    let expected = &answers.reference["refund_check"]["outcomes"];
    let outcomes = |row: &Figures| {
        [
            ("accepted", (row.accepted_lines, row.accepted_units, row.accepted_amount)),
            ("rejected_never_sold", (row.never_sold_lines, row.never_sold_units, row.never_sold_amount)),
            ("rejected_exceeds", (row.exceeds_lines, row.exceeds_units, row.exceeds_amount)),
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
