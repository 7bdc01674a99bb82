//! JSON responses.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use serde::Serialize;

/// `value` as a JSON response.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let mut body = BytesMut::new();
    harmonic_api::json::write(&mut body, value);
    json_body(status, body)
}

/// Serialised JSON as a response.
pub(crate) fn json_body(status: StatusCode, body: BytesMut) -> Response {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, headers, body.freeze()).into_response()
}
