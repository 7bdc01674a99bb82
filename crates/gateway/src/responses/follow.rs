//! The stream of a response in the background, from any of its events on.
//!
//! Invariant: a client that goes away ends its stream and nothing else.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bytes::{Bytes, BytesMut};
use harmonic_api::sse;
use tokio::sync::watch;
use tokio::time::timeout;

use super::background::{BackgroundResponse, Part};
use crate::event_chunks;

/// Size of a chunk, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// Streams `response` after the event `after`, with a keep-alive after `ping` without any.
pub(crate) fn streamed(
    response: Arc<BackgroundResponse>,
    after: Option<u64>,
    ping: Duration,
) -> Response {
    let cursor = Cursor {
        news: response.news(),
        response,
        next: after.map_or(0, |after| after.saturating_add(1)),
        ping: ping.max(Duration::from_millis(1)),
    };
    event_chunks::response(futures::stream::unfold(cursor, |mut cursor| async {
        let chunk = cursor.next().await?;
        Some((chunk, cursor))
    }))
}

/// Cursor into the events of a response.
struct Cursor {
    response: Arc<BackgroundResponse>,
    news: watch::Receiver<()>,
    /// Number of the next event.
    next: u64,
    ping: Duration,
}

impl Cursor {
    /// The next chunk; `None` at the end of the stream, or where the client was too slow: it breaks
    /// off without its last event, and the client can go on after the one that it has.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Before reading, so that what comes meanwhile wakes it.
            self.news.mark_unchanged();
            match self.response.part(self.next, CHUNK_BYTES)? {
                Part::End => return None,
                Part::Events(events) => {
                    self.next += events.len() as u64;
                    return Some(Bytes::from(events.concat()));
                }
                Part::Pending => {}
            }
            if let Ok(changed) = timeout(self.ping, self.news.changed()).await {
                changed.ok()?;
            } else {
                let mut out = BytesMut::new();
                sse::write_ping(&mut out);
                return Some(out.freeze());
            }
        }
    }
}
