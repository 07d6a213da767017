//! What rows become.

use super::*;

fn row(invoice: &str, sku: &str, quantity: i64, time: &str) -> Row {
    Row {
        invoice_no: invoice.to_owned(),
        stock_code: sku.to_owned(),
        description: "thing".to_owned(),
        quantity,
        invoice_date: format!("2010-12-01 {time}"),
        unit_price: "1.25".parse().unwrap(),
        customer: "17850".to_owned(),
        country: HOME.to_owned(),
    }
}

fn paths(rows: &[Row]) -> Vec<String> {
    let again = || rows.iter().cloned().map(Ok);
    Plan::new(Overview::of(again()).unwrap(), again()).map(|command| command.unwrap().path).collect()
}

#[test]
fn a_sale_brings_its_store_product_and_stock_and_is_completed_after_its_last_row() {
    let rows = [
        row("536365", "85123A", 6, "08:26:00"),
        row("536365", "85123A", 2, "08:27:00"),
        row("C1", "85123A", -1, "09:00:00"),
    ];
    let expected = [
        "/v1/catalog/stores",
        "/v1/catalog/products",
        "/v1/inventory/online/85123A/receive",
        "/v1/sales",
        "/v1/inventory/online/85123A/issue",
        "/v1/sales/536365/add-lines",
        "/v1/inventory/online/85123A/issue",
        "/v1/sales/536365/complete",
        "/v1/sales/returns",
    ];
    assert_eq!(paths(&rows), expected);
}

#[test]
fn the_opening_stock_is_just_enough() {
    let rows = [row("1", "22222", 5, "08:00:00"), row("2", "22222", -3, "08:01:00"), row("3", "22222", 4, "08:02:00")];
    let overview = Overview::of(rows.into_iter().map(Ok)).unwrap();
    assert_eq!(overview.opening["22222"], 12);
}

#[test]
fn postage_is_not_kept_in_stock_unless_it_is_adjusted() {
    let overview = Overview::of(
        [row("1", "POST", 1, "08:00:00"), row("2", "DOT", 1, "08:00:00"), row("3", "DOT", -1, "08:00:00")]
            .into_iter()
            .map(Ok),
    )
    .unwrap();
    assert!(!overview.opening.contains_key("POST"));
    assert_eq!(overview.opening["DOT"], 2);
}
