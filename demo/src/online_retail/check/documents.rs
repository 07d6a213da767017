//! Sales, returns and refused refunds, one by one.

use std::collections::HashMap;

use futures::StreamExt as _;
use serde_json::{Value, json};
use urlencoding::encode;

use crate::client::Annals;
use crate::online_retail::STORE;
use crate::online_retail::reference::{Comparison, number};

pub(crate) async fn compare(
    annals: &Annals,
    answers: &Value,
    tables: Option<&Value>,
    to: &mut Comparison,
) -> anyhow::Result<()> {
    for (list, order) in [("biggest_10_invoices_by_amount", "-gross"), ("longest_10_invoices_by_lines", "-lines")] {
        let found = annals.get(&format!("/v1/sales?store={STORE}&order={order}&limit=10")).await?;
        for (place, expected) in answers[list].as_array().into_iter().flatten().enumerate() {
            row(&format!("{list}[{place}]"), expected, &sale(&found["items"][place]), to);
        }
    }
    let sales = annals.all(&format!("/v1/sales?store={STORE}")).await?;
    let paid = sales.iter().filter(|sale| number(&sale["gross"]).is_some_and(|gross| !gross.is_zero())).count();
    to.same("counts.invoices_by_kind.sale", &answers["counts"]["invoices_by_kind"]["sale"], &json!(paid));
    let refused = annals.all(&format!("/v1/sales/refunds?store={STORE}&outcome=refused")).await?;
    let listed = tables.map_or(&answers["refund_check"]["first_25_rejected"], |tables| &tables["rejected_refunds"]);
    for (place, expected) in listed.as_array().into_iter().flatten().enumerate() {
        let found = refused.get(place).unwrap_or(&Value::Null);
        let reason = format!("rejected_{}", found["reason"].as_str().unwrap_or_default());
        let found = json!([
            found["document"],
            found["sku"],
            found["customer"],
            found["quantity"],
            found["balance"],
            found["amount"],
            reason
        ]);
        // The first column is the number of a row of the file.
        let expected: Value = expected.as_array().into_iter().flatten().skip(1).cloned().collect();
        row(&format!("rejected[{place}]"), &expected, &found, to);
    }
    if let Some(tables) = tables {
        to.same(
            "rejected refunds, number of",
            &json!(tables["rejected_refunds"].as_array().map_or(0, Vec::len)),
            &json!(refused.len()),
        );
        invoices(annals, &sales, &tables["per_invoice"], to).await?;
    }
    Ok(())
}

fn row(what: &str, expected: &Value, found: &Value, to: &mut Comparison) {
    let columns = expected.as_array().into_iter().flatten().zip(found.as_array().into_iter().flatten());
    for (column, (expected, found)) in columns.enumerate() {
        to.same(&format!("{what}[{column}]"), expected, found);
    }
}

fn sale(sale: &Value) -> Value {
    json!([sale["id"], sale["customer"].as_str().unwrap_or_default(), sale["lines"], sale["units"], sale["gross"]])
}

/// Every sale and every return: customer, country, time, lines, units, amount.
async fn invoices(annals: &Annals, sales: &[Value], expected: &Value, to: &mut Comparison) -> anyhow::Result<()> {
    let sales: HashMap<&str, &Value> = sales.iter().filter_map(|sale| Some((sale["id"].as_str()?, sale))).collect();
    let (returns, others): (Vec<_>, Vec<_>) =
        expected.as_object().into_iter().flatten().partition(|(id, _)| id.starts_with('C'));
    for (id, expected) in others {
        if let Some(sale) = sales.get(id.as_str()) {
            row(
                &format!("per_invoice.{id}"),
                expected,
                &document(sale, &sale["lines"], &sale["units"], &sale["gross"]),
                to,
            );
        }
    }
    let mut found =
        futures::stream::iter(returns)
            .map(|(id, expected)| async move {
                (id, expected, annals.get(&format!("/v1/sales/returns/{}", encode(id))).await)
            })
            .buffered(8);
    while let Some((id, expected, found)) = found.next().await {
        let found = found?;
        let (units, amount) =
            (found["units"].as_i64().map(|units| -units), number(&found["amount"]).map(|amount| -amount));
        row(
            &format!("per_invoice.{id}"),
            expected,
            &document(&found, &found["lines"], &json!(units), &json!(amount)),
            to,
        );
    }
    Ok(())
}

fn document(of: &Value, lines: &Value, units: &Value, amount: &Value) -> Value {
    let at = of["at"].as_str().unwrap_or_default().replace('T', " ").replace('Z', "");
    json!([of["customer"].as_str().unwrap_or_default(), of["country"], at, lines, units, amount])
}
