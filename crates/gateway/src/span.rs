//! Tracing span and id of each request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, field, info_span};

use crate::shared::Shared;

/// Header of the request's name, which the client can set.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name accepted from a client, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Middleware: gives the request its [`harmonic_types::RequestId`] (as an extension) and its span
/// (current while the handler runs), and the response the request's name. The span has no text of
/// prompts or answers, and no query, which could contain some.
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

/// Name given by the client, if it is short and printable.
fn name(request: &Request) -> Option<HeaderValue> {
    let name = request.headers().get(REQUEST_ID)?;
    let printable = |byte: &u8| byte.is_ascii_graphic();
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len()) && name.as_bytes().iter().all(printable);
    fits.then(|| name.clone())
}
