//! Newline-delimited JSON: each line a document.
//!
//! Encoding writes into a buffer that the caller owns, as in [`crate::sse`].

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use crate::dialect::Dialect;
use crate::fault::Fault;

/// The media type.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// Appends `value` as a line. JSON holds no raw line break.
///
/// # Panics
/// When `value` cannot be JSON: wire types are strings, numbers, lists and structs.
pub fn write<T: Serialize>(out: &mut BytesMut, value: &T) {
    serde_json::to_writer((&mut *out).writer(), value)
        .expect("wire types are strings, numbers, lists and structs");
    out.put_u8(b'\n');
}

/// Appends `fault` as a line.
pub fn write_fault(out: &mut BytesMut, dialect: Dialect, fault: &Fault<'_>) {
    dialect.write_fault(fault, out);
    out.put_u8(b'\n');
}
