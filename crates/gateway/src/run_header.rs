//! The header by which a request says from inside of which run it comes.
//!
//! Does not do: look for the run (`Runs` does), or compare its owner with the caller.

use axum::http::HeaderMap;
use harmonic_types::RunToken;

use crate::api_error::ApiError;

/// Parses the header; `None` where it is absent. Its value is a secret, so an error has none of it.
pub(crate) fn run_token(headers: &HeaderMap) -> Result<Option<RunToken>, ApiError> {
    let mut values = headers.get_all(RunToken::HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(RunToken::parse);
    match (token, values.next()) {
        (Some(token), None) => Ok(Some(token)),
        _ => Err(ApiError::InvalidRunToken),
    }
}
