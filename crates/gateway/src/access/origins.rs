//! Allowed origins of requests from browsers (CORS).
//!
//! A request of another origin is refused before it reaches an agent. The browser alone would only
//! hide the answer from the page, after the request has used an engine.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::api_error::ApiError;
use crate::error::GatewayError;

/// Response headers that a page may read.
const EXPOSED_HEADERS: [HeaderName; 6] = [
    HeaderName::from_static("retry-after"),
    HeaderName::from_static("x-harmonic-agent"),
    HeaderName::from_static("x-harmonic-ignored"),
    HeaderName::from_static("x-harmonic-queue-ms"),
    HeaderName::from_static("x-harmonic-slot"),
    HeaderName::from_static("x-request-id"),
];

/// Origins whose pages may send requests. `Default` is none but the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    named: Vec<HeaderValue>,
    any: bool,
}

impl AllowedOrigins {
    /// Parses origins as browsers send them, such as `https://chat.example`; `*` is any.
    ///
    /// # Errors
    /// [`GatewayError::InvalidOrigin`] names the first invalid origin.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, GatewayError> {
        let mut all = Self::default();
        for origin in origins {
            let invalid = || GatewayError::InvalidOrigin(origin.to_owned());
            if origin == "*" {
                all.any = true;
                continue;
            }
            let (scheme, host) = origin.split_once("://").ok_or_else(invalid)?;
            if scheme.is_empty() || host.contains(['/', '?', '#', '@']) || host.contains(' ') {
                return Err(invalid());
            }
            let sent = origin.to_ascii_lowercase();
            all.named.push(HeaderValue::try_from(sent).map_err(|_| invalid())?);
        }
        Ok(all)
    }

    pub(super) fn check(&self, request: &Request) -> Result<(), ApiError> {
        // Each of them: software between us and a browser may believe any.
        let mut origins = request.headers().get_all(ORIGIN).iter();
        let is_allowed = |origin: &HeaderValue| {
            self.any || self.named.contains(origin) || is_own(origin, request)
        };
        match origins.find(|origin| !is_allowed(origin)) {
            None => Ok(()),
            Some(origin) => Err(ApiError::OriginNotAllowed {
                origin: String::from_utf8_lossy(origin.as_bytes()).into_owned(),
            }),
        }
    }

    /// CORS layer; `None` where no foreign origin is allowed.
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
            .expose_headers(EXPOSED_HEADERS);
        Some(layer)
    }
}

/// Whether the page is of this server.
fn is_own(origin: &HeaderValue, request: &Request) -> bool {
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes);
    origin.as_bytes().strip_prefix(b"http://").is_some_and(|own| Some(own) == host)
}
