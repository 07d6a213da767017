//! Why a command is refused, in terms that every edge understands.

/// What kind of no it is. An edge makes a status of it, once, for all contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the command is about does not exist.
    Missing,
    /// It exists, but not in a state that allows this now.
    OutOfTurn,
    /// It breaks a rule, whatever the state.
    Invalid,
}

/// Why a command is refused.
pub trait Refusal: std::error::Error + Send + Sync + 'static {
    /// Stable, for programs: `sales.refund_exceeds_sold`.
    fn code(&self) -> &'static str;
    /// What kind of no it is.
    fn kind(&self) -> Kind;
    /// The part of the command that is to blame, as a JSON pointer into it.
    fn pointer(&self) -> Option<String> {
        None
    }
}
