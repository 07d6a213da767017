//! The one table of role × route. What is not in it is denied.

use crate::roles::{READ, WORK};
pub use crate::roles::{ROLES, Rule};
use crate::{catalog, inventory, sales};

/// The table, one part for each context. Each line of a bulk request is judged by the rule of its own route.
pub const ACCESS: &[&[Rule]] =
    &[COMMON, catalog::access::RULES, inventory::access::RULES, sales::access::RULES, REPORTING];

const COMMON: &[Rule] = &[("POST", "/v1/commands", WORK), ("GET", "/v1/projections", READ)];

/// Figures over all contexts: of a read model alone, which decides nothing.
const REPORTING: &[Rule] = &[
    ("GET", "/v1/reporting/summary", READ),
    ("GET", "/v1/reporting/dashboard", READ),
    ("GET", "/v1/reporting/by/{dimension}", READ),
    ("GET", "/v1/reporting/by/{dimension}/{value}", READ),
];
