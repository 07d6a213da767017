//! Who may use the routes of sales and of what they add up to.

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
    ("GET", "/v1/revenue/summary", READ),
    ("GET", "/v1/revenue/by/{dimension}", READ),
    ("GET", "/v1/revenue/by/{dimension}/{value}", READ),
];
