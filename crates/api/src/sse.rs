//! Server-sent events with `event` and `data` lines.
//!
//! Encoding appends to a buffer of the caller, so that a burst of events costs one allocation.
//! Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use bytes::{BufMut, Bytes, BytesMut};
use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures::{Stream, StreamExt, stream};
use serde::Serialize;

use crate::dialect::Dialect;
use crate::json;
use crate::sse_lines::{LineError, SseLines};
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

/// Error of reading events.
#[derive(Debug)]
pub enum EventsError<E> {
    /// Error of the body.
    Body(E),
    /// A body that is no stream of events, with the reason.
    Invalid(String),
}

/// Events in a chunked body, each at most 16 MiB long.
pub fn events<S, B, E>(body: S) -> impl Stream<Item = Result<Event, EventsError<E>>> + Send
where
    S: Stream<Item = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Send,
{
    lines(body).eventsource().map(|event| {
        event.map_err(|error| match error {
            EventStreamError::Transport(LinesError::Body(error)) => EventsError::Body(error),
            EventStreamError::Transport(LinesError::Line(error)) => {
                EventsError::Invalid(error.to_string())
            }
            EventStreamError::Utf8(error) => EventsError::Invalid(error.to_string()),
            EventStreamError::Parser(_) => EventsError::Invalid("a line has no form".to_owned()),
        })
    })
}

enum LinesError<E> {
    Body(E),
    Line(LineError),
}

/// Whole lines of a chunked body.
fn lines<S, B, E>(body: S) -> impl Stream<Item = Result<Bytes, LinesError<E>>> + Send
where
    S: Stream<Item = Result<B, E>> + Send,
    B: AsRef<[u8]> + Send,
    E: Send,
{
    let state = (Box::pin(body), SseLines::default());
    stream::try_unfold(state, |(mut body, mut lines)| async move {
        loop {
            if let Some(read) = lines.next_lines().map_err(LinesError::Line)? {
                return Ok(Some((read, (body, lines))));
            }
            let Some(chunk) = body.next().await else {
                let rest = lines.rest().map_err(LinesError::Line)?;
                return Ok(rest.map(|rest| (rest, (body, lines))));
            };
            lines.push(chunk.map_err(LinesError::Body)?.as_ref());
        }
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
                    .map(|event| event.unwrap_or_else(|_| panic!("whole")).data)
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
