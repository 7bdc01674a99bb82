//! Errors as sent to clients, independent of the dialect.

use std::borrow::Cow;

/// Error class, as far as the dialects distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request is invalid.
    Invalid,
    /// Missing or wrong credentials.
    Unauthenticated,
    /// Not permitted.
    Forbidden,
    /// Unknown agent or path.
    NotFound,
    /// Body larger than the limit.
    TooLarge,
    /// Rate or queue limit exceeded; a later request can succeed.
    Limited,
    /// Temporarily unavailable.
    Unavailable,
    /// Internal failure.
    Failed,
}

/// Error of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError<'a> {
    /// Error class.
    pub class: ErrorClass,
    /// Stable code for programs.
    pub code: &'a str,
    /// Invalid field.
    pub param: Option<&'a str>,
    /// Message with the cause and the expected value.
    pub message: Cow<'a, str>,
}
