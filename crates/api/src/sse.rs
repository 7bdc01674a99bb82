//! Server-sent events, as far as chat streams use them: `data` lines only.
//!
//! Encoding writes into a buffer that the caller owns, so that a burst of events costs one
//! allocation. Format: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use bytes::{BufMut, BytesMut};
use eventsource_stream::{EventStream, Eventsource};
use futures::Stream;
use serde::Serialize;

/// What ends a chat stream in OpenAI's dialect.
pub const DONE: &str = "[DONE]";

/// Appends `data: <value as JSON>` and the blank line. JSON holds no raw line break, so one `data`
/// line is always enough.
///
/// # Errors
/// When `value` cannot be JSON; the buffer is then as it was.
pub fn write_json<T: Serialize>(out: &mut BytesMut, value: &T) -> Result<(), serde_json::Error> {
    let start = out.len();
    out.put_slice(b"data: ");
    if let Err(error) = serde_json::to_writer((&mut *out).writer(), value) {
        out.truncate(start);
        return Err(error);
    }
    out.put_slice(b"\n\n");
    Ok(())
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
                write_json(&mut wire, text).expect("a string is JSON");
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
