//! Who may use the routes of sales.

use crate::roles::{MANAGE, READ, Rule, WORK};

/// See [`crate::ACCESS`].
pub const RULES: &[Rule] = &[
    ("POST", "/v1/sales", WORK),
    ("POST", "/v1/sales/{id}/add-lines", WORK),
    ("POST", "/v1/sales/{id}/complete", WORK),
    ("POST", "/v1/sales/{id}/refund", WORK),
    ("POST", "/v1/sales/returns", WORK),
    ("POST", "/v1/sales/returns/{id}/add-lines", WORK),
    ("POST", "/v1/sales/bad-debts", MANAGE),
    ("GET", "/v1/sales", READ),
    ("GET", "/v1/sales/{id}", READ),
    ("GET", "/v1/sales/refunds", READ),
    ("GET", "/v1/sales/returns/{id}", READ),
];
