//! `GET /events`: events of the team, as server-sent events.
//!
//! Invariants: the first event is a snapshot, unless `Last-Event-ID` names an event that is still
//! in the ring; a listener gets at most four chunks per second; a listener that is too slow gets
//! the number of lost events and a new snapshot; events of a run go only to the key that made it; the
//! stream ends with the server.
//!
//! Does not do: the types of the events and of the snapshot (crate `events`); buffering for a listener.
//! The ring is bounded and shared by all.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use harmonic_api::sse;
use harmonic_events::{Delivery, Listener, PublishedSnapshot, SCHEMA};
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::access::Caller;
use crate::api_error::ApiError;
use crate::event_chunks::{self, last_event_id, write_id};
use crate::shared::Shared;

/// Shortest interval between two chunks of a stream.
const MIN_CHUNK_INTERVAL: Duration = Duration::from_millis(250);

/// Streams the events from now on, or from the client's last one.
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    caller: Option<Caller>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event_id(&headers)?;
    let listener = shared.models().events().listen(after)?;
    let ping = shared.config.ping.max(Duration::from_millis(1));
    let key = caller.map(|caller| caller.name);
    let feed = Feed { listener, key, ping, not_before: Instant::now() };
    let chunks = futures::stream::unfold(feed, |mut feed| async {
        let chunk = feed.next().await?;
        Some((chunk, feed))
    });
    Ok(event_chunks::response(chunks))
}

/// Stream of one listener.
struct Feed {
    listener: Listener,
    /// Name of its key; `None` where the server needs none.
    key: Option<Arc<str>>,
    /// Keep-alive interval.
    ping: Duration,
    not_before: Instant,
}

impl Feed {
    /// The next chunk; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        sleep_until(self.not_before).await;
        let mut out = BytesMut::new();
        let ping_at = Instant::now() + self.ping;
        // A delivery may have nothing for this listener.
        while out.is_empty() {
            match timeout_at(ping_at, self.listener.next()).await {
                Ok(delivery) => self.write(&mut out, &delivery?),
                Err(_) => sse::write_ping(&mut out),
            }
        }
        self.not_before = Instant::now() + MIN_CHUNK_INTERVAL;
        Some(out.freeze())
    }

    /// Writes what of `delivery` is for this listener.
    fn write(&self, out: &mut BytesMut, delivery: &Delivery) {
        match delivery {
            Delivery::Snapshot(snapshot) => self.write_snapshot(out, snapshot),
            Delivery::Lost(lost, snapshot) => {
                sse::write_named(out, "lost", &LostEvents { schema: SCHEMA, lost: *lost });
                self.write_snapshot(out, snapshot);
            }
            Delivery::Events(records) => {
                let key = self.key.as_deref();
                for record in records.iter().filter(|record| record.audience.includes(key)) {
                    write_id(out, record.id);
                    sse::write_encoded(out, record.event.name(), record.json());
                }
            }
        }
    }

    fn write_snapshot(&self, out: &mut BytesMut, snapshot: &PublishedSnapshot) {
        write_id(out, snapshot.id);
        match snapshot.visible_to(self.key.as_deref()) {
            // Encoded once, for all.
            Cow::Borrowed(_) => sse::write_encoded(out, "snapshot", snapshot.json()),
            Cow::Owned(visible) => sse::write_named(out, "snapshot", &visible),
        }
    }
}

/// Events that a listener lost because it was too slow.
#[derive(Serialize)]
struct LostEvents {
    schema: &'static str,
    /// Number of lost events.
    lost: u64,
}
