//! Which sites' pages may ask, from a browser.
//!
//! Browsers say which site a page that asks is of. One that is not named here is refused, and not
//! only kept from the answer, as browsers do by themselves: its questions would cost as much.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::api_error::ApiError;
use crate::error::GatewayError;

/// What a page may read of a response besides its body.
const EXPOSED: [HeaderName; 6] = [
    HeaderName::from_static("retry-after"),
    HeaderName::from_static("x-harmonic-agent"),
    HeaderName::from_static("x-harmonic-ignored"),
    HeaderName::from_static("x-harmonic-queue-ms"),
    HeaderName::from_static("x-harmonic-slot"),
    HeaderName::from_static("x-request-id"),
];

/// Sites whose pages may ask. `Default` is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    named: Vec<HeaderValue>,
    any: bool,
}

impl Origins {
    /// From what a browser sends, such as `https://chat.example`; `*` is any.
    ///
    /// # Errors
    /// [`GatewayError::Origin`] names the first that no browser would send.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, GatewayError> {
        let mut all = Self::default();
        for origin in origins {
            let wrong = || GatewayError::Origin(origin.to_owned());
            if origin == "*" {
                all.any = true;
                continue;
            }
            let (scheme, host) = origin.split_once("://").ok_or_else(wrong)?;
            if scheme.is_empty() || host.contains(['/', '?', '#', '@']) || host.contains(' ') {
                return Err(wrong());
            }
            let sent = origin.to_ascii_lowercase();
            all.named.push(HeaderValue::try_from(sent).map_err(|_| wrong())?);
        }
        Ok(all)
    }

    pub(super) fn admit(&self, request: &Request) -> Result<(), ApiError> {
        let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
        if self.any || self.named.contains(origin) || is_own(origin, request) {
            return Ok(());
        }
        Err(ApiError::ForeignOrigin {
            origin: String::from_utf8_lossy(origin.as_bytes()).into_owned(),
        })
    }

    /// What tells browsers; none where no page may ask.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        let allowed = match (self.any, self.named.as_slice()) {
            (true, _) => AllowOrigin::any(),
            (false, []) => return None,
            (false, named) => AllowOrigin::list(named.to_vec()),
        };
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(EXPOSED);
        Some(layer)
    }
}

/// Whether the page came from this server.
fn is_own(origin: &HeaderValue, request: &Request) -> bool {
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes);
    origin.as_bytes().strip_prefix(b"http://").is_some_and(|own| Some(own) == host)
}
