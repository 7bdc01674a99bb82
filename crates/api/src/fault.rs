//! What went wrong with a request, before a dialect says so.

use std::borrow::Cow;

/// Whose fault it is, as far as the dialects distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultClass {
    /// The request cannot be served as it stands.
    Invalid,
    /// The client did not say who it is, or not truly.
    Unauthenticated,
    /// The client may not do that.
    Forbidden,
    /// There is no such agent or path.
    NotFound,
    /// The body is larger than the server takes.
    TooLarge,
    /// Too much at once: later it would be served.
    Limited,
    /// The server cannot serve now.
    Unavailable,
    /// The server failed.
    Failed,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault<'a> {
    /// Whose fault it is.
    pub class: FaultClass,
    /// For programs; stable.
    pub code: &'a str,
    /// The field at fault.
    pub param: Option<&'a str>,
    /// For people: what is wrong and what would be right.
    pub message: Cow<'a, str>,
}
