//! Server-sent events, as far as answers use them: `event` and `data` lines.
//!
//! Encoding writes into a buffer that the caller owns, so that a burst of events costs one
//! allocation. Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use bytes::{BufMut, BytesMut};
use eventsource_stream::{EventStream, Eventsource};
use futures::Stream;
use serde::Serialize;

use crate::dialect::Dialect;
use crate::fault::Fault;

/// The media type.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// What ends a chat stream in OpenAI's dialect.
pub const DONE: &str = "[DONE]";

/// Appends `data: <value as JSON>` and the blank line. JSON holds no raw line break, so one `data`
/// line is always enough.
///
/// # Panics
/// When `value` cannot be JSON: wire types are strings, numbers, lists and structs.
pub fn write<T: Serialize>(out: &mut BytesMut, value: &T) {
    out.put_slice(b"data: ");
    serde_json::to_writer((&mut *out).writer(), value)
        .expect("wire types are strings, numbers, lists and structs");
    out.put_slice(b"\n\n");
}

/// As [`write()`], with the name of the event before it.
///
/// # Panics
/// As [`write()`].
pub fn write_named<T: Serialize>(out: &mut BytesMut, name: &str, value: &T) {
    write_name(out, name);
    write(out, value);
}

/// Appends the name of the event whose data follow.
pub(crate) fn write_name(out: &mut BytesMut, name: &str) {
    out.put_slice(b"event: ");
    out.put_slice(name.as_bytes());
    out.put_u8(b'\n');
}

/// Appends `fault` as the data of an event.
pub(crate) fn write_fault(out: &mut BytesMut, dialect: Dialect, fault: &Fault<'_>) {
    out.put_slice(b"data: ");
    dialect.write_fault(fault, out);
    out.put_slice(b"\n\n");
}

/// Appends the event that ends a chat stream.
pub fn write_done(out: &mut BytesMut) {
    out.put_slice(b"data: [DONE]\n\n");
}

/// Appends a comment, which clients skip: it shows proxies that the connection lives.
pub fn write_ping(out: &mut BytesMut) {
    out.put_slice(b": ping\n\n");
}

/// The events in a body that arrives in pieces.
pub fn events<S, B, E>(body: S) -> EventStream<S>
where
    S: Stream<Item = Result<B, E>>,
    B: AsRef<[u8]>,
{
    body.eventsource()
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
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
