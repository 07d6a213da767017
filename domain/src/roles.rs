//! Who may what: the roles, and what a rule about a route looks like.

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
