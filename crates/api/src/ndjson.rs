//! Newline-delimited JSON: one document per line.
//!
//! Encoding appends to a buffer of the caller, as in [`crate::sse`].

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::dialect::Dialect;
use crate::json;
use crate::wire_error::WireError;

/// Media type.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// Appends `value` as a line. Serialised JSON contains no raw line break.
///
/// # Panics
/// If `value` cannot be serialised: wire types are strings, numbers, lists and structs.
pub fn write<T: Serialize>(out: &mut BytesMut, value: &T) {
    json::write(out, value);
    out.put_u8(b'\n');
}

/// Appends `error` as a line.
pub fn write_error(out: &mut BytesMut, dialect: Dialect, error: &WireError<'_>) {
    dialect.write_error(error, out);
    out.put_u8(b'\n');
}
