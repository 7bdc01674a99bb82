//! `GET /events`: events of the team, as server-sent events.
//!
//! Invariants: the first event is a snapshot, unless `Last-Event-ID` names an event that is still
//! in the ring; a listener gets at most four chunks per second; a listener that is too slow gets
//! the number of lost events and a new snapshot; the stream ends with the server.
//!
//! Does not do: the types of the events and of the snapshot (crate `events`); buffering for a listener.
//! The ring is bounded and shared by all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use harmonic_api::sse;
use harmonic_events::{Delivery, Listener, PublishedSnapshot, SCHEMA};
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use crate::api_error::ApiError;
use crate::shared::Shared;

/// Shortest interval between two chunks of a stream.
const MIN_CHUNK_INTERVAL: Duration = Duration::from_millis(250);

/// Longest invalid value that an error repeats, in bytes.
const LONGEST_SHOWN: usize = 64;

/// Header with the id of the last event that the client received.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Streams the events from now on, or from the client's last one.
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event_id(&headers)?;
    let listener = shared.models().events().listen(after)?;
    let ping = shared.config.ping.max(Duration::from_millis(1));
    let feed = Feed { listener, ping, not_before: Instant::now() };
    let chunks = futures::stream::unfold(feed, |mut feed| async {
        let chunk = feed.next().await?;
        Some((Ok::<_, Infallible>(chunk), feed))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(sse::MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Parses the header; an empty value counts as absent, as in the standard.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let values: Vec<String> = headers
        .get_all(LAST_EVENT_ID)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let value = values.join(", ");
    if value.is_empty() {
        return Ok(None);
    }
    // Digits only: `parse` takes a sign, too.
    let id = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok()).flatten();
    id.map(Some).ok_or_else(|| ApiError::InvalidEventId { value: shortened(value) })
}

/// A value as it is shown in an error.
fn shortened(mut value: String) -> String {
    if value.len() > LONGEST_SHOWN {
        value.truncate(value.floor_char_boundary(LONGEST_SHOWN));
        value.push('…');
    }
    value
}

/// Stream of one listener.
struct Feed {
    listener: Listener,
    /// Keep-alive interval.
    ping: Duration,
    not_before: Instant,
}

impl Feed {
    /// The next chunk; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        sleep_until(self.not_before).await;
        let mut out = BytesMut::new();
        match timeout(self.ping, self.listener.next()).await {
            Ok(delivery) => write(&mut out, &delivery?),
            Err(_) => sse::write_ping(&mut out),
        }
        self.not_before = Instant::now() + MIN_CHUNK_INTERVAL;
        Some(out.freeze())
    }
}

/// Events that a listener lost because it was too slow.
#[derive(Serialize)]
struct LostEvents {
    schema: &'static str,
    /// Number of lost events.
    lost: u64,
}

fn write(out: &mut BytesMut, delivery: &Delivery) {
    match delivery {
        Delivery::Snapshot(snapshot) => write_snapshot(out, snapshot),
        Delivery::Lost(lost, snapshot) => {
            sse::write_named(out, "lost", &LostEvents { schema: SCHEMA, lost: *lost });
            write_snapshot(out, snapshot);
        }
        Delivery::Events(records) => {
            for record in records {
                write_id(out, record.id);
                sse::write_encoded(out, record.event.name(), record.json());
            }
        }
    }
}

fn write_snapshot(out: &mut BytesMut, snapshot: &PublishedSnapshot) {
    write_id(out, snapshot.id);
    sse::write_encoded(out, "snapshot", snapshot.json());
}

fn write_id(out: &mut BytesMut, id: u64) {
    out.put_slice(format!("id: {id}\n").as_bytes());
}
