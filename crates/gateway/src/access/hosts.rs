//! Under which names the server may be asked.
//!
//! A page of any site can make a browser resolve that site's name to 127.0.0.1 (DNS rebinding) and
//! then speak to this server as if it were its own. The name in the request gives it away.

use std::net::IpAddr;

use axum::extract::Request;

use super::authority::Named;
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
        // A client that names none is no browser.
        let Some(Named(Some(name))) = request.extensions().get::<Named>() else { return Ok(()) };
        let local = name == "localhost" || name.ends_with(".localhost");
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        if local || address || also.contains(name) {
            return Ok(());
        }
        Err(ApiError::ForeignHost { host: name.clone() })
    }
}
