//! Who may come in: under which name the server is asked, from which page, and with which key.
//!
//! Invariants: what is refused here has touched neither an agent nor a queue; `/health` and `/ready`
//! need no key, so that what watches over the server needs none.
//!
//! Does not do: decide what an agent may do. Every key may ask every agent.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Span;

use crate::api_error::ApiError;

mod authority;
mod hosts;
mod keys;
mod origins;

pub(crate) use authority::one_authority;
pub use hosts::Hosts;
pub use keys::{ApiKey, Fingerprint, KeySource, Keys, KeysUnreadable};
pub use origins::Origins;

/// Paths that need no key.
pub(crate) const OPEN: [&str; 2] = ["/health", "/ready"];

/// Who may come in. `Default` is everybody who reaches the socket, but no other site's page.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Keys, of which a request must carry one; `None` where it needs none.
    pub keys: Option<Arc<dyn KeySource>>,
    /// Names under which the server may be asked.
    pub hosts: Hosts,
    /// Sites whose pages may ask.
    pub origins: Origins,
}

/// Name of the key that let a request in; an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyName(pub(crate) Arc<str>);

/// Middleware: lets in who may come.
pub(crate) async fn door(
    State(access): State<Arc<Access>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    access.hosts.admit(&request)?;
    access.origins.admit(&request)?;
    if let Some(keys) = &access.keys
        && !OPEN.contains(&request.uri().path())
    {
        let keys = keys.keys().map_err(|KeysUnreadable| ApiError::KeysUnreadable)?;
        let name = keys.admit(request.headers())?;
        Span::current().record("key", name);
        let name = KeyName(name.into());
        request.extensions_mut().insert(name);
    }
    Ok(next.run(request).await)
}
