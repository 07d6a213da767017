//! Figures as the API tells them, in the reference's terms.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::online_retail::reference::number;

/// The same under the reference's names, and what it adds up otherwise: there a refused claim counts as paid, and a debt that is written off
/// as never earned.
pub(super) fn mapped(of: &Value) -> Value {
    let (sales, refunds, stock, debt) = (&of["sales"], &of["refunds"], &of["adjustments"], &of["bad_debt"]);
    let (accepted, unjudged) = (&refunds["accepted"], &refunds["unjudged"]);
    let (never_sold, exceeds) = (&refunds["refused"]["never_sold"], &refunds["refused"]["exceeds"]);
    let sum = |parts: &[&Value]| parts.iter().filter_map(|part| number(part)).sum::<Decimal>();
    let claimed = |part: &str| sum(&[&accepted[part], &unjudged[part], &never_sold[part], &exceeds[part]]);
    let mut mapped = json!({
        "lines": whole(sum(&[&sales["lines"], &stock["lines"], &debt["lines"]]) + claimed("lines")),
        "sale_and_free_lines": sales["lines"],
        "paid_lines": sum(&[&sales["lines"]]) - sum(&[&sales["free"]["lines"]]),
        "free_lines": sales["free"]["lines"], "free_documents": sales["free"]["documents"],
        "units_sold": sales["units"], "units_free": sales["free"]["units"], "gross": sales["gross"],
        "sale_invoices": sales["documents"],
        "cancellation_invoices": refunds["documents"], "cancellation_lines": whole(claimed("lines")),
        "units_cancelled": whole(claimed("units")), "cancelled": claimed("amount"),
        "adjustment_documents": stock["documents"], "adjustment_lines": stock["lines"], "units_adjusted": stock["units"],
        "bad_debt_documents": debt["documents"], "bad_debt_lines": debt["lines"], "bad_debt": debt["amount"],
        "net": sum(&[&sales["gross"], &debt["amount"]]) - claimed("amount"),
        "active_customers": of["customers"]["active"], "new_customers": of["customers"]["new"],
        "price_changes": of["product"]["price_changes"],
    });
    for (name, tally) in [
        ("accepted", accepted),
        ("unjudged", unjudged),
        ("refused_never_sold", never_sold),
        ("refused_exceeds", exceeds),
    ] {
        for part in ["lines", "units", "amount"] {
            mapped[format!("{name}_{part}")] = tally[part].clone();
        }
    }
    if stock["lines"] == 0 {
        mapped["last_description"] = of["product"]["description"].clone();
    }
    mapped
}

fn whole(sum: Decimal) -> Value {
    i64::try_from(sum).map_or(Value::Null, Value::from)
}

/// What stands for a field of the reference; none for what is not asked for.
pub(super) fn field(figures: &Value, name: &str) -> Option<Value> {
    match name {
        "last_description" => figures.get(name).map(trimmed),
        _ => Some(figures.get(name).cloned().unwrap_or(Value::Null)),
    }
}

/// Descriptions are compared without blanks at their ends: the reference's lists have them trimmed, its tables do not.
pub(super) fn trimmed(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| text.trim().into())
}
