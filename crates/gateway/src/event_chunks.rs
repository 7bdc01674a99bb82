//! What the event streams of this server share: resumption after an event, and responses that never
//! end by themselves.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use harmonic_api::sse;

use crate::api_error::ApiError;

/// Longest invalid value that an error repeats, in bytes.
const LONGEST_SHOWN: usize = 64;

/// Header with the id of the last event that the client received.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Parses the header; an empty value counts as absent, as in the standard.
pub(crate) fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let values: Vec<String> = headers
        .get_all(LAST_EVENT_ID)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let value = values.join(", ");
    if value.is_empty() {
        return Ok(None);
    }
    // Digits only: `parse` takes a sign, too.
    let id = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten();
    id.map(Some).ok_or_else(|| ApiError::InvalidEventId { value: shortened(value) })
}

/// A client's value as it is shown in an error.
pub(crate) fn shortened(mut value: String) -> String {
    if value.len() > LONGEST_SHOWN {
        value.truncate(value.floor_char_boundary(LONGEST_SHOWN));
        value.push('…');
    }
    value
}

/// Appends the id of the event that follows.
pub(crate) fn write_id(out: &mut BytesMut, id: u64) {
    out.put_slice(format!("id: {id}\n").as_bytes());
}

/// Response with `chunks` of server-sent events.
pub(crate) fn response(chunks: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let mut response = Response::new(Body::from_stream(chunks.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(sse::MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
