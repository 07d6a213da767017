//! How an answer of the reference is compared with a row.

use std::str::FromStr;

use domain::Decimal;
use projector::revenue::Figures;
use serde_json::Value;

/// One of the reference's blocks of sums against a row of ours.
pub(crate) fn assert_sums(name: &str, expected: &Value, row: &Figures) {
    let number = |field: &str| expected[field].as_i64().unwrap();
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
pub(crate) fn net(row: &Figures) -> Decimal {
    row.gross - row.cancelled + row.bad_debt
}

pub(crate) fn money(value: &Value) -> Decimal {
    Decimal::from_str(value.as_str().unwrap()).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn is_product(sku: &str) -> bool {
    let (digits, letters) = sku.split_at(sku.len().min(5));
    digits.len() == 5
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && letters.len() <= 2
        && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
}
