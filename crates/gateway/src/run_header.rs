//! The headers by which a request says from inside of which run it comes, and which token the tools know
//! that its process offers.
//!
//! Does not do: look for the run (`Runs` does), or compare its owner with the caller.

use axum::http::HeaderMap;
use harmonic_types::RunToken;

use crate::api_error::ApiError;

/// Parses the token of the run from inside of which a request comes; `None` where it is absent.
pub(crate) fn run_token(headers: &HeaderMap) -> Result<Option<RunToken>, ApiError> {
    token(headers, RunToken::HEADER).map_err(|Invalid| ApiError::InvalidRunToken)
}

/// Parses the token that offered tools know; `None` where it is absent.
pub(crate) fn offered_token(headers: &HeaderMap) -> Result<Option<RunToken>, ApiError> {
    token(headers, RunToken::OFFERED_HEADER).map_err(|Invalid| ApiError::InvalidOfferedToken)
}

/// A header of another form, or several. Its value is a secret, so an error has none of it.
struct Invalid;

fn token(headers: &HeaderMap, name: &str) -> Result<Option<RunToken>, Invalid> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(RunToken::parse);
    match (token, values.next()) {
        (Some(token), None) => Ok(Some(token)),
        _ => Err(Invalid),
    }
}
