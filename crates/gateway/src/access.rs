//! Access control of requests: host name, origin, API key.
//!
//! Invariants: a request refused here reaches neither an agent nor a queue; `/health` and `/ready`
//! need no key, for monitoring without one.
//!
//! Does not do: permissions for each agent. Every key is valid for every agent; what a key may do
//! with a run is checked there ([`Caller`]).

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
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

/// Holder of a request's key; an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Name of the key.
    pub(crate) name: Arc<str>,
    /// Whether the key may approve commands of its own runs.
    pub(crate) may_approve_commands: bool,
}

/// The caller of a request to a server that needs keys.
impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

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
        let key = match keys.authenticate(request.headers()) {
            // A browser cannot send a key with the address of a page.
            Err(ApiError::MissingKey) if root::asks_for_page(&request) => return Ok(root::locked()),
            other => other?,
        };
        Span::current().record("key", key.name.as_str());
        let caller = Caller {
            name: key.name.as_str().into(),
            may_approve_commands: key.may_approve_commands,
        };
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}
