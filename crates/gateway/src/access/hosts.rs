//! Allowed host names of requests.
//!
//! A web page can make a browser resolve the name of its site to 127.0.0.1 (DNS rebinding) and then
//! send requests to this server as to its own origin. The host name of the request shows that.

use std::net::IpAddr;

use axum::extract::Request;

use super::request_head::RequestHost;
use crate::api_error::ApiError;

/// Host names that requests may have. IP addresses are always allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedHosts {
    /// Any name.
    #[default]
    Any,
    /// `localhost`, its subdomains, and further names.
    Local {
        /// Further names, in lower case.
        extra: Vec<String>,
    },
}

impl AllowedHosts {
    pub(super) fn check(&self, request: &Request) -> Result<(), ApiError> {
        let Self::Local { extra } = self else { return Ok(()) };
        // A client without a host name is not a browser.
        let Some(RequestHost(Some(name))) = request.extensions().get::<RequestHost>() else {
            return Ok(());
        };
        let local = name == "localhost" || name.ends_with(".localhost");
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if local || address || extra.contains(name) {
            return Ok(());
        }
        Err(ApiError::HostNotAllowed { host: name.clone() })
    }
}
