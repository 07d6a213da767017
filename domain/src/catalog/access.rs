//! Who may use the catalog's routes.

use crate::roles::{LOOK, MANAGE, Rule};

/// See [`crate::ACCESS`].
pub const RULES: &[Rule] = &[
    ("POST", "/v1/catalog/products", MANAGE),
    ("POST", "/v1/catalog/products/{sku}/rename", MANAGE),
    ("POST", "/v1/catalog/products/{sku}/reprice", MANAGE),
    ("POST", "/v1/catalog/products/{sku}/categorise", MANAGE),
    ("POST", "/v1/catalog/products/{sku}/discontinue", MANAGE),
    ("POST", "/v1/catalog/products/{sku}/reinstate", MANAGE),
    ("POST", "/v1/catalog/stores", MANAGE),
    ("POST", "/v1/catalog/stores/{id}/close", MANAGE),
    ("GET", "/v1/catalog/products", LOOK),
    ("GET", "/v1/catalog/products/{sku}", LOOK),
    ("GET", "/v1/catalog/stores", LOOK),
    ("GET", "/v1/catalog/stores/{id}", LOOK),
];
