//! One tracing span and one id for each request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, field, info_span};

use crate::shared::Shared;

/// Name of a request, the client's own where it gave one.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name that is taken from a client.
const LONGEST_ID: usize = 128;

/// Middleware: gives the request its [`harmonic_types::RequestId`] (as an extension), its span
/// (current while the handler runs) and, in the response, its name. The span has no text of
/// prompts or answers, and no query, which could hold some.
pub(crate) async fn span(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = shared.next_id();
    let name = name(&request).unwrap_or_else(|| {
        HeaderValue::try_from(format!("req-{:x}-{id}", shared.started))
            .expect("hexadecimal digits and dashes are a header's value")
    });
    let span = info_span!(
        "request",
        id = name.to_str().unwrap_or_default(),
        method = %request.method(),
        path = request.uri().path(),
        key = field::Empty,
        agent = field::Empty,
        slot = field::Empty,
        queue_ms = field::Empty,
        status = field::Empty,
    );
    request.extensions_mut().insert(id);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    response.headers_mut().insert(REQUEST_ID, name);
    response
}

/// The client's own name for the request, where it is short and printable.
fn name(request: &Request) -> Option<HeaderValue> {
    let name = request.headers().get(REQUEST_ID)?;
    let printable = |byte: &u8| byte.is_ascii_graphic();
    let fits = (1..=LONGEST_ID).contains(&name.len()) && name.as_bytes().iter().all(printable);
    fits.then(|| name.clone())
}
