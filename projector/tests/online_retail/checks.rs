//! How an answer of the reference is compared with a row.

use std::str::FromStr;

use domain::Decimal;
use projector::reporting::Figures;
use serde_json::Value;

/// What the reference calls by names of its own, and sums of what it adds up otherwise.
pub(crate) trait Mapped {
    /// All of them, of any kind.
    fn lines(&self) -> i64;
    /// Of whatever was claimed back, refused claims included.
    fn cancelled_lines(&self) -> i64;
    fn cancelled_units(&self) -> i64;
    fn cancelled(&self) -> Decimal;
    /// Here a refused claim counts as paid, and a debt that is written off as never earned.
    fn net_of_claims(&self) -> Decimal;
}

impl Mapped for Figures {
    fn lines(&self) -> i64 {
        self.sale_lines + self.cancelled_lines() + self.adjustment_lines + self.bad_debt_lines
    }

    fn cancelled_lines(&self) -> i64 {
        self.accepted_lines + self.unjudged_lines + self.never_sold_lines + self.exceeds_lines
    }

    fn cancelled_units(&self) -> i64 {
        self.accepted_units + self.unjudged_units + self.never_sold_units + self.exceeds_units
    }

    fn cancelled(&self) -> Decimal {
        self.accepted_amount + self.unjudged_amount + self.never_sold_amount + self.exceeds_amount
    }

    fn net_of_claims(&self) -> Decimal {
        self.gross - self.cancelled() + self.bad_debt_amount
    }
}

/// One of the reference's blocks of sums against a row of ours.
pub(crate) fn assert_sums(name: &str, expected: &Value, row: &Figures) {
    let number = |field: &str| expected[field].as_i64().unwrap();
    assert_eq!(row.lines(), number("lines"), "lines of {name}");
    assert_eq!(row.sale_lines, number("sale_and_free_lines"), "sale and free lines of {name}");
    assert_eq!(row.cancelled_lines(), number("cancellation_lines"), "refund lines of {name}");
    assert_eq!(row.sale_units, number("units_sold"), "units sold of {name}");
    assert_eq!(row.cancelled_units(), number("units_cancelled"), "units cancelled of {name}");
    assert_eq!(row.adjustment_units, number("units_adjusted"), "units adjusted of {name}");
    assert_eq!(row.gross, money(&expected["gross"]), "gross of {name}");
    assert_eq!(row.cancelled(), money(&expected["cancelled"]), "cancelled of {name}");
    assert_eq!(row.bad_debt_amount, money(&expected["bad_debt"]), "bad debt of {name}");
    assert_eq!(row.net_of_claims(), money(&expected["net"]), "net of {name}");
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
