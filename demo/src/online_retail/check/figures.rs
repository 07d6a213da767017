//! Sums, from six sides.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::mapped::{field, mapped, trimmed};
use crate::client::Annals;
use crate::online_retail::CURRENCY;
use crate::online_retail::reference::{Comparison, number};
use crate::online_retail::rows::is_product;

/// The figures that the reference has, in its own terms, by dimension and value.
pub(crate) struct Figures {
    all: Value,
    by: HashMap<&'static str, BTreeMap<String, Value>>,
}

impl Figures {
    pub(crate) async fn read(annals: &Annals) -> anyhow::Result<Self> {
        let mut by = HashMap::new();
        for dimension in ["day", "month", "country", "product", "customer"] {
            let items = annals.all(&format!("/v1/reporting/by/{dimension}?currency={CURRENCY}")).await?;
            by.insert(
                dimension,
                items
                    .iter()
                    .map(|item| (item["value"].as_str().unwrap_or_default().to_owned(), mapped(item)))
                    .collect(),
            );
        }
        let all = annals.get(&format!("/v1/reporting/summary?currency={CURRENCY}")).await?;
        Ok(Self { all: mapped(&all["items"][0]), by })
    }

    fn of(&self, dimension: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.by.get(dimension).into_iter().flatten()
    }

    fn get(&self, dimension: &str, value: &str) -> &Value {
        self.by.get(dimension).and_then(|items| items.get(value)).unwrap_or(&Value::Null)
    }

    fn customers(&self) -> impl Iterator<Item = &Value> {
        self.of("customer").filter(|(id, _)| !id.is_empty()).map(|(_, figures)| figures)
    }

    pub(crate) fn compare(&self, answers: &Value, tables: Option<&Value>, to: &mut Comparison) {
        self.counts(&answers["counts"], to);
        to.fields("totals", &answers["totals"], |name| field(&self.all, name));
        for (part, dimension) in [("per_month", "month"), ("per_country", "country")] {
            for (value, expected) in answers[part].as_object().into_iter().flatten() {
                to.fields(&format!("{part}.{value}"), expected, |name| field(self.get(dimension, value), name));
            }
        }
        self.months(&answers["as_of_month_end"], to);
        for (list, of, key) in [
            ("stock_codes_top20_by_units_sold", ("product", "stock_code"), "units_sold"),
            ("stock_codes_top20_by_units_cancelled", ("product", "stock_code"), "units_cancelled"),
            ("stock_codes_top20_by_net_revenue", ("product", "stock_code"), "net"),
            ("customers_top20_by_net_revenue", ("customer", "customer"), "net"),
        ] {
            self.top(list, &answers[list], of, key, to);
        }
        let negative =
            self.customers().filter(|figures| number(&figures["net"]).is_some_and(|net| net < Decimal::ZERO)).count();
        to.same("customers_with_negative_net", &answers["customers_with_negative_net"], &json!(negative));
        let only =
            self.customers().filter(|of| of["cancellation_lines"] != 0 && of["sale_and_free_lines"] == 0).count();
        to.same("customers_with_cancellations_only", &answers["customers_with_cancellations_only"], &json!(only));
        to.fields("rows_without_customer_totals", &answers["rows_without_customer_totals"], |name| {
            field(self.get("customer", ""), name)
        });
        self.prices(&answers["prices"], to);
        self.refunds(&answers["refund_check"]["outcomes"], to);
        if let Some(tables) = tables {
            self.tables(tables, to);
        }
    }

    fn counts(&self, counts: &Value, to: &mut Comparison) {
        let all = &self.all;
        let documents = ["sale_invoices", "cancellation_invoices", "adjustment_documents", "bad_debt_documents"];
        let invoices: i64 = documents.iter().filter_map(|name| all[*name].as_i64()).sum();
        let found = json!({
            "rows": all["lines"], "invoices": invoices, "customers": self.customers().count(),
            "stock_codes": self.of("product").count(), "countries": self.of("country").count(),
        });
        to.fields("counts", counts, |name| found.get(name).cloned());
        let by_kind = [
            ("lines_by_kind", ["paid_lines", "free_lines", "cancellation_lines", "adjustment_lines", "bad_debt_lines"]),
            (
                "invoices_by_kind",
                ["", "free_documents", "cancellation_invoices", "adjustment_documents", "bad_debt_documents"],
            ),
        ];
        for (part, names) in by_kind {
            for (kind, name) in ["sale", "free", "cancellation", "stock_adjustment", "bad_debt"].iter().zip(names) {
                if let Some(expected) = counts[part].get(*kind).filter(|_| !name.is_empty()) {
                    to.same(&format!("counts.{part}.{kind}"), expected, &all[name]);
                }
            }
        }
        let units = |name: &str| all[name].as_i64().unwrap_or_default();
        let units = json!({ "sale": units("units_sold") - units("units_free"), "free": all["units_free"],
            "cancellation": -units("units_cancelled"), "stock_adjustment": all["units_adjusted"] });
        to.fields("counts.units_by_kind", &counts["units_by_kind"], |kind| units.get(kind).cloned());
        let cancelled = number(&all["cancelled"]).unwrap_or_default();
        let amounts = json!({ "sale": all["gross"], "cancellation": -cancelled, "free": 0, "stock_adjustment": 0, "bad_debt": all["bad_debt"] });
        to.fields("counts.amount_by_kind", &counts["amount_by_kind"], |kind| amounts.get(kind).cloned());
    }

    fn months(&self, expected: &Value, to: &mut Comparison) {
        let (mut net, mut lines) = (Decimal::ZERO, 0);
        for (month, figures) in self.of("month") {
            net += number(&figures["net"]).unwrap_or_default();
            lines += figures["lines"].as_i64().unwrap_or_default();
            let sums = json!({ "net": net, "lines": lines });
            to.fields(&format!("as_of_month_end.{month}"), &expected[month], |name| sums.get(name).cloned());
        }
    }

    /// Each entry's numbers, and that the API's order by that number is the same; equals may stand in any order.
    fn top(&self, list: &str, expected: &Value, (dimension, id): (&str, &str), key: &str, to: &mut Comparison) {
        let mut ranked: Vec<Decimal> = self
            .of(dimension)
            .filter(|(value, _)| !value.is_empty())
            .filter_map(|(_, figures)| number(&figures[key]))
            .collect();
        ranked.sort_by(|a, b| b.cmp(a));
        for (place, entry) in expected.as_array().into_iter().flatten().enumerate() {
            let value = entry[id].as_str().unwrap_or_default();
            to.same(&format!("{list}[{place}].{key}"), &entry[key], &json!(ranked.get(place)));
            to.fields(&format!("{list}.{value}"), entry, |name| {
                if name == id { None } else { field(self.get(dimension, value), name) }
            });
        }
    }

    fn prices(&self, expected: &Value, to: &mut Comparison) {
        let changes = |figures: &Value| figures["price_changes"].as_i64().unwrap_or_default();
        let found = json!({
            "stock_codes_with_more_than_one_price": self.of("product").filter(|(_, figures)| changes(figures) > 0).count(),
            "price_changes_between_consecutive_sale_or_free_lines": self.of("product").map(|(_, figures)| changes(figures)).sum::<i64>(),
        });
        to.fields("prices", expected, |name| found.get(name).cloned());
        for (sku, expected) in expected["top10_by_changes"].as_object().into_iter().flatten() {
            to.same(&format!("prices.top10_by_changes.{sku}"), expected, &self.get("product", sku)["price_changes"]);
        }
    }

    fn refunds(&self, expected: &Value, to: &mut Comparison) {
        let outcomes = [
            ("accepted", "accepted"),
            ("no_customer", "unjudged"),
            ("rejected_exceeds", "refused_exceeds"),
            ("rejected_never_sold", "refused_never_sold"),
        ];
        for (theirs, ours) in outcomes {
            to.fields(&format!("refund_check.{theirs}"), &expected[theirs], |name| {
                field(&self.all, &format!("{ours}_{name}"))
            });
            for (kind, wanted) in [("product", true), ("service", false)] {
                let name = format!("{theirs}/{kind}");
                to.fields(&format!("refund_check.{name}"), &expected[&name], |part| {
                    let of_kind = self.of("product").filter(|(sku, _)| is_product(sku) == wanted);
                    Some(json!(
                        of_kind.filter_map(|(_, figures)| number(&figures[format!("{ours}_{part}")])).sum::<Decimal>()
                    ))
                });
            }
        }
    }

    fn tables(&self, tables: &Value, to: &mut Comparison) {
        let columns: [(&str, &str, &[&str]); 3] = [
            (
                "per_stock_code",
                "product",
                &["units_sold", "units_cancelled", "units_adjusted", "gross", "cancelled", "net", "last_description"],
            ),
            ("per_customer", "customer", &["units_sold", "units_cancelled", "gross", "cancelled", "net"]),
            ("per_day", "day", &["lines", "gross", "cancelled", "net"]),
        ];
        for (table, dimension, columns) in columns {
            for (value, row) in tables[table].as_object().into_iter().flatten() {
                for (column, expected) in columns.iter().zip(row.as_array().into_iter().flatten()) {
                    if let Some(found) = field(self.get(dimension, value), column) {
                        to.same(&format!("{table}.{value}.{column}"), &trimmed(expected), &trimmed(&found));
                    }
                }
            }
        }
    }
}
