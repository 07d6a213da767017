//! The one table of role × route. What is not in it is denied.

use crate::{catalog, inventory, sales};

/// Method, route as the router writes it, and the roles that may use it.
pub type Rule = (&'static str, &'static str, &'static [&'static str]);

/// May do everything.
pub const ADMIN: &str = "admin";
/// Runs the business: all of its commands and queries.
pub const MANAGER: &str = "manager";
/// Sells and takes back, moves stock.
pub const CLERK: &str = "clerk";
/// Reads everything.
pub const AUDITOR: &str = "auditor";
/// Reads what is for sale and in stock.
pub const VIEWER: &str = "viewer";

/// Every role there is.
pub const ROLES: &[&str] = &[ADMIN, MANAGER, CLERK, AUDITOR, VIEWER];

pub(crate) const MANAGE: &[&str] = &[ADMIN, MANAGER];
pub(crate) const WORK: &[&str] = &[ADMIN, MANAGER, CLERK];
pub(crate) const READ: &[&str] = &[ADMIN, MANAGER, CLERK, AUDITOR];
pub(crate) const LOOK: &[&str] = ROLES;

/// The table, one part for each context. Each line of a bulk request is judged by the rule of its own route.
pub const ACCESS: &[&[Rule]] = &[COMMON, catalog::access::RULES, inventory::access::RULES, sales::access::RULES];

const COMMON: &[Rule] = &[("POST", "/v1/commands", WORK), ("GET", "/v1/projections", READ)];
