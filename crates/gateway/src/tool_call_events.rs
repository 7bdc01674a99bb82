//! `GET /runs/{id}/tool-calls`: calls of a client's own tools, as server-sent events.
//!
//! Invariant: an event is taken from the run when it is about to be sent, so that a call is with its
//! client or with nobody.

use std::time::Duration;

use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use harmonic_api::sse;
use serde_json::json;
use tokio::time::timeout;

use crate::event_chunks;
use crate::runs::ToolCalls;

/// Streams `calls`, with a keep-alive after `ping` without any.
pub(crate) fn streamed(calls: ToolCalls, ping: Duration) -> Response {
    let ping = ping.max(Duration::from_millis(1));
    event_chunks::response(futures::stream::unfold(Some(calls), move |calls| async move {
        let mut calls = calls?;
        let mut out = BytesMut::new();
        let next = match timeout(ping, calls.next()).await {
            Err(_) => {
                sse::write_ping(&mut out);
                Some(calls)
            }
            Ok(Some(event)) => {
                sse::write_named(&mut out, event.name(), &event);
                Some(calls)
            }
            Ok(None) => {
                sse::write_named(&mut out, "end", &json!({}));
                None
            }
        };
        Some((Bytes::from(out), next))
    }))
}
