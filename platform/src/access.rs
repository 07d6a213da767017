//! Who may use which route. What is not in the table is denied, to everybody.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::Problem;
use crate::identity::{Authenticate, Principal};

/// Method, route as the router writes it, roles.
pub type Rule = (&'static str, &'static str, &'static [&'static str]);

/// The gate in front of all routes of an API.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    rules: HashMap<(&'static str, &'static str), &'static [&'static str]>,
    authenticate: Box<dyn Authenticate>,
}

impl Gate {
    /// A gate that lets through what the table allows.
    #[must_use]
    pub fn new(table: &[&[Rule]], authenticate: Box<dyn Authenticate>) -> Self {
        let rules =
            table.iter().flat_map(|part| *part).map(|&(method, route, roles)| ((method, route), roles)).collect();
        Self(Arc::new(Inner { rules, authenticate }))
    }

    /// Whether a role is listed for a route.
    #[must_use]
    pub fn allows(&self, method: &str, route: &str, roles: &[String]) -> bool {
        // The table's keys live for ever; those asked for need not.
        self.0.rules.iter().any(|(&(m, r), allowed)| {
            m == method && r == route && roles.iter().any(|role| allowed.contains(&role.as_str()))
        })
    }

    fn check(&self, request: &Request) -> Result<Arc<Principal>, Problem> {
        let principal = self.0.authenticate.authenticate(request.headers()).ok_or_else(unauthenticated)?;
        let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
        let method = if request.method() == axum::http::Method::HEAD { "GET" } else { request.method().as_str() };
        if self.allows(method, route, &principal.roles) {
            Ok(principal)
        } else {
            Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                format!("{} may not use {method} {route}", principal.name),
            ))
        }
    }
}

/// Middleware: lets a request through with its [`Principal`], or answers 401 or 403.
pub async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match gate.check(&request) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn unauthenticated() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "send an API key as `Authorization: Bearer <key>`")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}
