//! JSON that is appended to the buffer of an answer.
//!
//! Owns: the only writer of wire types. Does not do: framing ([`crate::sse`], [`crate::ndjson`]).

use std::io::{self, Write};

use bytes::BytesMut;
use serde::Serialize;

/// Appends `value` as JSON, on one line.
///
/// # Panics
/// If `value` cannot be serialised: wire types are strings, numbers, lists and structs.
pub fn write<T: Serialize + ?Sized>(out: &mut BytesMut, value: &T) {
    serde_json::to_writer(Buffer(out), value)
        .expect("wire types are strings, numbers, lists and structs");
}

/// A buffer as a writer. `serde_json` writes each bracket, key and piece of a text apart, dozens of
/// times a token, and [`bytes::BufMut::writer`] costs a call into another crate each time.
struct Buffer<'a>(&'a mut BytesMut);

impl Write for Buffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
