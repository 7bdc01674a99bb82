//! Server-sent events with `event` and `data` lines.
//!
//! Encoding appends to a buffer of the caller, so that a burst of events costs one allocation.
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use bytes::{BufMut, Bytes, BytesMut};
use eventsource_stream::{EventStream, Eventsource};
use futures::{Stream, StreamExt};
use serde::Serialize;

use crate::dialect::Dialect;
use crate::json;
use crate::wire_error::WireError;

/// Media type.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// End marker of a chat stream in OpenAI's dialect.
pub const DONE: &str = "[DONE]";

/// Appends `data: <value as JSON>` and a blank line. Serialised JSON contains no raw line break, so
/// one `data` line is always enough.
///
/// # Panics
/// If `value` cannot be serialised: wire types are strings, numbers, lists and structs.
pub fn write<T: Serialize>(out: &mut BytesMut, value: &T) {
    out.extend_from_slice(b"data: ");
    json::write(out, value);
    out.extend_from_slice(b"\n\n");
}

/// As [`write()`], preceded by the event name.
///
/// # Panics
/// As [`write()`].
pub fn write_named<T: Serialize>(out: &mut BytesMut, name: &str, value: &T) {
    write_name(out, name);
    write(out, value);
}

/// Appends an event whose data are JSON text already, on one line.
pub fn write_encoded(out: &mut BytesMut, name: &str, json: &str) {
    write_name(out, name);
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json.as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Appends the name of the event whose data follow.
pub(crate) fn write_name(out: &mut BytesMut, name: &str) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.put_u8(b'\n');
}

/// Appends `error` as the data of an event.
pub(crate) fn write_error(out: &mut BytesMut, dialect: Dialect, error: &WireError<'_>) {
    out.extend_from_slice(b"data: ");
    dialect.write_error(error, out);
    out.extend_from_slice(b"\n\n");
}

/// Appends the event that ends a chat stream.
pub fn write_done(out: &mut BytesMut) {
    out.extend_from_slice(b"data: [DONE]\n\n");
}

/// Appends a comment as keep-alive; clients ignore it.
pub fn write_ping(out: &mut BytesMut) {
    out.extend_from_slice(b": ping\n\n");
}

/// Events in a chunked body.
pub fn events<S, B, E>(body: S) -> EventStream<S>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    body.eventsource()
}

/// Maximum bytes of one event, comments before it included: enough for a complete answer.
pub const MAX_EVENT_BYTES: usize = 4 << 20;

/// Error of a body whose events are bounded.
#[derive(Debug, thiserror::Error)]
pub enum BodyError<E> {
    /// Error of the body itself.
    #[error("{0}")]
    Transport(E),
    /// Event of more than [`MAX_EVENT_BYTES`].
    #[error("an event exceeds {} MiB", MAX_EVENT_BYTES >> 20)]
    TooLong,
}

/// The body, with an error where an event exceeds [`MAX_EVENT_BYTES`]: [`events`] buffers each.
pub fn bounded<S, E>(body: S) -> impl Stream<Item = Result<Bytes, BodyError<E>>>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    let (mut event, mut line) = (0, 0);
    body.map(move |chunk| {
        let chunk = chunk.map_err(BodyError::Transport)?;
        for byte in &chunk {
            event += 1;
            match byte {
                b'\n' if line == 0 => event = 0,
                b'\n' => line = 0,
                b'\r' => {}
                _ => line += 1,
            }
            if event > MAX_EVENT_BYTES {
                return Err(BodyError::TooLong);
            }
        }
        Ok(chunk)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn events_survive_any_chunking(
            texts in prop::collection::vec(any::<String>(), 0..8),
            cut in 1usize..40,
        ) {
            let mut wire = BytesMut::new();
            for text in &texts {
                write_ping(&mut wire);
                write(&mut wire, text);
            }
            write_done(&mut wire);
            let pieces = wire.chunks(cut).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
            let read: Vec<String> = futures::executor::block_on(
                events(futures::stream::iter(pieces))
                    .map(|event| event.expect("whole").data)
                    .collect(),
            );
            let (last, read) = read.split_last().expect("at least the end");
            prop_assert_eq!(last, DONE);
            let read: Vec<String> =
                read.iter().map(|data| serde_json::from_str(data).expect("JSON")).collect();
            prop_assert_eq!(read, texts);
        }
    }
}
