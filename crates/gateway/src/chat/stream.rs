//! A generation as server-sent events.
//!
//! Invariants: the events that are ready travel in one piece, and none waits for another; a
//! failure in mid-stream is an event with the error's envelope, and the stream then ends without
//! `[DONE]`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use harmonic_api::openai::Answer;
use harmonic_api::sse;
use harmonic_engine::Generation;
use harmonic_types::Event;
use serde::Serialize;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::{Span, info};

use super::ending;

/// Tells nginx not to gather the stream.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A piece of the stream is sent once it is this long, in bytes, even when more is ready.
const LONGEST_PIECE: usize = 16 * 1024;
/// Room for about ten chunks: pieces are cut from it without another allocation.
const BUFFER: usize = 2 * 1024;

/// The response that streams `generation`; `count` asks for a chunk with token counts, `ping` is
/// how often it shows that it lives.
pub(super) fn response(
    answer: Answer,
    generation: Generation,
    count: bool,
    ping: Duration,
) -> Response {
    // An interval of zero panics.
    let ping = ping.max(Duration::from_millis(1));
    let mut ping = interval_at(Instant::now() + ping, ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = AnswerStream {
        answer,
        generation: Some(generation),
        count,
        opened: false,
        ping,
        out: BytesMut::with_capacity(BUFFER),
        span: Span::current(),
    };
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// The body of a streamed answer.
struct AnswerStream {
    answer: Answer,
    /// `None` once the stream has ended.
    generation: Option<Generation>,
    count: bool,
    opened: bool,
    /// Not reset by each event, which would cost every token a turn of the timer wheel: a ping can
    /// come soon after an event, and that harms nobody.
    ping: Interval,
    out: BytesMut,
    /// The request's: the handler has returned when the body runs.
    span: Span,
}

impl AnswerStream {
    fn write<T: Serialize>(out: &mut BytesMut, value: &T) {
        sse::write_json(out, value).expect("wire types are strings, numbers, lists and structs");
    }

    fn write_ending(&mut self, end: Option<Event>) {
        match ending(end) {
            Ok((reason, usage)) => {
                Self::write(&mut self.out, &self.answer.finish(reason));
                if self.count {
                    Self::write(&mut self.out, &self.answer.usage(usage));
                }
                sse::write_done(&mut self.out);
            }
            Err(error) => {
                info!(%error, "broken off");
                Self::write(&mut self.out, &error.envelope());
            }
        }
    }
}

impl Stream for AnswerStream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if !this.opened {
            this.opened = true;
            Self::write(&mut this.out, &this.answer.opening());
        }
        while let Some(generation) = &mut this.generation {
            if this.out.len() >= LONGEST_PIECE {
                break;
            }
            let Poll::Ready(event) = generation.poll_next_unpin(cx) else { break };
            if let Some(chunk) = event.as_ref().and_then(|event| this.answer.delta(event)) {
                Self::write(&mut this.out, &chunk);
            } else {
                this.generation = None;
                let span = this.span.clone();
                span.in_scope(|| this.write_ending(event));
            }
        }
        if this.out.is_empty() && this.generation.is_some() && this.ping.poll_tick(cx).is_ready() {
            sse::write_ping(&mut this.out);
        }
        if !this.out.is_empty() {
            return Poll::Ready(Some(Ok(this.out.split().freeze())));
        }
        if this.generation.is_none() { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Drop for AnswerStream {
    fn drop(&mut self) {
        if self.generation.is_some() {
            self.span.in_scope(|| {
                info!("closed before its end: the client went away, or the grace period was over");
            });
        }
    }
}
