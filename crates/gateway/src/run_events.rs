//! `GET /runs/{id}/events`: what happens in a run, as server-sent events.
//!
//! Invariants: the first event is a snapshot, unless `Last-Event-ID` names an event that is still
//! known; a listener that is too slow gets the number of lost events and a new snapshot; a stream
//! that was not broken off ends with the event `end`.
//!
//! Does not do: buffering for a listener. What is not read stays with [`crate::Runs`], which bounds
//! it.

use std::time::Duration;

use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use harmonic_api::runs::LostUpdates;
use harmonic_api::sse;
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};

use crate::event_chunks::{self, write_id};
use crate::runs::{RunDelivery, RunEvents};

/// Shortest interval between two chunks of a stream: tokens of several agents share a chunk.
const MIN_CHUNK_INTERVAL: Duration = Duration::from_millis(40);

/// Size at which a chunk is sent, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Streams `events`, with a keep-alive after `ping` without any.
pub(crate) fn streamed(events: RunEvents, ping: Duration) -> Response {
    let ping = ping.max(Duration::from_millis(1));
    let feed = Feed { events, ping, not_before: Instant::now(), has_ended: false };
    event_chunks::response(futures::stream::unfold(feed, |mut feed| async {
        let chunk = feed.next().await?;
        Some((chunk, feed))
    }))
}

/// Stream of one listener.
struct Feed {
    events: RunEvents,
    /// Keep-alive interval.
    ping: Duration,
    not_before: Instant,
    has_ended: bool,
}

impl Feed {
    /// The next chunk; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if self.has_ended {
            return None;
        }
        sleep_until(self.not_before).await;
        let mut out = BytesMut::new();
        let Ok(mut next) = timeout(self.ping, self.events.next()).await else {
            sse::write_ping(&mut out);
            return Some(out.freeze());
        };
        loop {
            let Some(delivery) = next else {
                self.has_ended = true;
                sse::write_named(&mut out, "end", &json!({}));
                break;
            };
            write(&mut out, &delivery);
            // What is there already, as far as it fits.
            let more = (out.len() < CHUNK_BYTES).then(|| self.events.next().now_or_never());
            match more.flatten() {
                Some(ready) => next = ready,
                None => break,
            }
        }
        self.not_before = Instant::now() + MIN_CHUNK_INTERVAL;
        Some(out.freeze())
    }
}

fn write(out: &mut BytesMut, delivery: &RunDelivery) {
    match delivery {
        RunDelivery::Snapshot(snapshot) => {
            write_id(out, snapshot.id);
            sse::write_named(out, "snapshot", &**snapshot);
        }
        RunDelivery::Lost(lost) => {
            sse::write_named(out, "lost", &LostUpdates { lost: *lost });
        }
        RunDelivery::Update(update) => {
            write_id(out, update.id);
            sse::write_named(out, update.change.name(), &**update);
        }
    }
}
