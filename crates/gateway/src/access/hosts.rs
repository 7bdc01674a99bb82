//! Under which names the server may be asked.
//!
//! A page of any site can make a browser resolve that site's name to 127.0.0.1 (DNS rebinding) and
//! then speak to this server as if it were its own. The name in the request gives it away.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::Uri;
use axum::http::header::HOST;

use crate::api_error::ApiError;

/// Names under which the server may be asked. An address is no name, and always may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Any.
    #[default]
    Any,
    /// `localhost`, names below it, and these.
    Local {
        /// Further names, in lower case.
        also: Vec<String>,
    },
}

impl Hosts {
    pub(super) fn admit(&self, request: &Request) -> Result<(), ApiError> {
        let Self::Local { also } = self else { return Ok(()) };
        let Some(host) = host(request) else { return Ok(()) };
        let name = host.to_ascii_lowercase();
        let local = name == "localhost" || name.ends_with(".localhost");
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if local || address || also.contains(&name) {
            return Ok(());
        }
        Err(ApiError::ForeignHost { host })
    }
}

/// The name that the request was sent to, without its port. A client that names none is no browser.
fn host(request: &Request) -> Option<String> {
    if let Some(host) = request.uri().host() {
        return Some(host.to_owned());
    }
    let named = request.headers().get(HOST)?;
    let host = named.to_str().ok().and_then(|named| {
        let named: Uri = named.parse().ok()?;
        named.host().map(str::to_owned)
    });
    // What cannot be read is nobody's name, and shown as it is.
    host.or_else(|| Some(String::from_utf8_lossy(named.as_bytes()).into_owned()))
}
