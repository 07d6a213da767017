//! Who may use the inventory's routes.

use crate::roles::{LOOK, MANAGE, Rule, WORK};

/// See [`crate::ACCESS`].
pub const RULES: &[Rule] = &[
    ("POST", "/v1/inventory/{store}/{sku}/receive", WORK),
    ("POST", "/v1/inventory/{store}/{sku}/adjust", MANAGE),
    ("POST", "/v1/inventory/{store}/{sku}/issue", WORK),
    ("POST", "/v1/inventory/{store}/{sku}/reserve", WORK),
    ("POST", "/v1/inventory/{store}/{sku}/extend", WORK),
    ("POST", "/v1/inventory/{store}/{sku}/release", WORK),
    ("POST", "/v1/inventory/{store}/{sku}/commit", WORK),
    ("POST", "/v1/inventory/{store}/{sku}/set-reorder-level", MANAGE),
    ("POST", "/v1/inventory/transfers", MANAGE),
    ("GET", "/v1/inventory", LOOK),
    ("GET", "/v1/inventory/alerts", LOOK),
    ("GET", "/v1/inventory/{store}/{sku}", LOOK),
    ("GET", "/v1/inventory/reservations", LOOK),
    ("GET", "/v1/inventory/{store}/{sku}/reservations", LOOK),
];
