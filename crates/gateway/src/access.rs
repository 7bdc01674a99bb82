//! Access control of requests: host name, origin, API key.
//!
//! Invariants: a request refused here reaches neither an agent nor a queue; `/health` and `/ready`
//! need no key, for monitoring without one.
//!
//! Does not do: permissions for each agent. Every key is valid for every agent.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Span;

use crate::api_error::ApiError;
use crate::root;

mod hosts;
mod keys;
mod origins;
mod request_head;

pub use hosts::AllowedHosts;
pub use keys::{ApiKey, Fingerprint, KeySource, Keys, KeysUnreadable};
pub use origins::AllowedOrigins;
pub(crate) use request_head::check_head;

/// Paths that need no key.
pub(crate) const KEYLESS_PATHS: [&str; 2] = ["/health", "/ready"];

/// Access rules. `Default` needs no key and accepts any host name, but no foreign origin.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Valid keys; `None` where requests need none.
    pub keys: Option<Arc<dyn KeySource>>,
    /// Host names that requests may have.
    pub hosts: AllowedHosts,
    /// Origins that requests of browsers may have.
    pub origins: AllowedOrigins,
}

/// Name of a request's key; an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyName(pub(crate) Arc<str>);

/// Middleware: refuses requests that the access rules do not allow.
pub(crate) async fn check_access(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    access.hosts.check(&request)?;
    access.origins.check(&request)?;
    if let Some(keys) = &access.keys
        && !KEYLESS_PATHS.contains(&request.uri().path())
    {
        let keys = keys.keys().map_err(|KeysUnreadable| ApiError::KeysUnreadable)?;
        let name = match keys.authenticate(request.headers()) {
            // A browser cannot send a key with the address of a page.
            Err(ApiError::MissingKey) if root::asks_for_page(&request) => return Ok(root::locked()),
            other => other?,
        };
        Span::current().record("key", name);
        let name = KeyName(name.into());
        request.extensions_mut().insert(name);
    }
    Ok(next.run(request).await)
}
