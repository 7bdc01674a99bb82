//! Generations as the streamed body of a response.
//!
//! Invariants: before the first token only keep-alive pings are sent, so the first event has the
//! first token; all events that are ready are sent in one chunk, and none is delayed for another; a
//! failure in mid-stream is written in the form of the dialect, and ends the stream and the other
//! answers.

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
use harmonic_api::{Finish, ResponseEncoder, total};
use harmonic_engine::Generation;
use harmonic_types::{Event, Usage};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{is_last, result_of};
use crate::metrics::RequestMetrics;

/// Disables nginx's buffering of the stream.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// Size at which a chunk is sent even when more events are ready, in bytes.
const MAX_CHUNK_BYTES: usize = 16 * 1024;
/// Initial buffer in bytes, for about ten events: chunks are split off without another allocation.
const BUFFER_BYTES: usize = 2 * 1024;

/// Response that streams `generations` and counts them in `metrics`; `ping` is the keep-alive
/// interval.
pub(super) fn response<W: ResponseEncoder>(
    encoder: W,
    generations: Vec<Generation>,
    metrics: RequestMetrics,
    ping: Duration,
) -> Response {
    // An interval of zero panics.
    let ping = ping.max(Duration::from_millis(1));
    let mut ping = interval_at(Instant::now() + ping, ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = AnswerStream {
        encoder,
        running: generations.len(),
        prompt_tokens: generations.first().map_or(0, |first| first.admitted().prompt_tokens),
        turn: 0,
        answers: generations.into_iter().map(Answer::Running).collect(),
        state: State::New,
        ping,
        out: BytesMut::with_capacity(BUFFER_BYTES),
        metrics,
    };
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(W::STREAM));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// One of the answers.
enum Answer {
    Running(Generation),
    Ended(Finish, Usage),
}

/// State of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Running,
    Ended,
}

/// The body of a streamed response.
struct AnswerStream<W> {
    encoder: W,
    /// Declared before the answers, so that it is dropped first when the client disconnects.
    metrics: RequestMetrics,
    answers: Vec<Answer>,
    /// Number of running answers.
    running: usize,
    prompt_tokens: u32,
    /// Answer that is polled first, in rotation, so that none fills every chunk.
    turn: usize,
    state: State,
    /// Not reset by events, which would cost a timer operation for each token: a ping may follow
    /// soon after an event.
    ping: Interval,
    out: BytesMut,
}

impl<W: ResponseEncoder> AnswerStream<W> {
    /// Writes the beginning of the stream, once.
    fn open(&mut self) {
        if self.state == State::New {
            self.state = State::Running;
            self.encoder.open(self.prompt_tokens, &mut self.out);
        }
    }

    /// Writes the ready events of answer `index`; returns false when the chunk is full.
    fn advance(&mut self, index: usize, cx: &mut Context<'_>) -> bool {
        let choice = u32::try_from(index).unwrap_or(u32::MAX);
        while self.out.len() < MAX_CHUNK_BYTES {
            let Answer::Running(generation) = &mut self.answers[index] else { return true };
            let Poll::Ready(event) = generation.poll_next_unpin(cx) else { return true };
            self.open();
            match event {
                Some(event) if !is_last(Some(&event)) => {
                    self.metrics.token();
                    self.encoder.event(choice, &event, &mut self.out);
                }
                last => {
                    self.end(index, choice, last);
                    return true;
                }
            }
        }
        false
    }

    fn end(&mut self, index: usize, choice: u32, last: Option<Event>) {
        match result_of(last) {
            Ok((finish, usage)) => {
                self.answers[index] = Answer::Ended(finish, usage);
                self.running -= 1;
                self.encoder.end(choice, finish, usage, &mut self.out);
                self.close_if_complete();
            }
            Err(error) => {
                self.metrics.broke_off(&error);
                self.encoder.fail(&error.wire_error(), &mut self.out);
                self.state = State::Ended;
                self.answers.clear();
            }
        }
    }

    fn close_if_complete(&mut self) {
        if self.running > 0 {
            return;
        }
        let ends = self.answers.iter().filter_map(|answer| match answer {
            Answer::Running(_) => None,
            Answer::Ended(finish, usage) => Some((*finish, *usage)),
        });
        let usage = total(ends.clone().map(|(_, usage)| usage));
        if let Some((finish, _)) = ends.clone().next() {
            self.metrics.finished(finish, usage, ends.count());
        }
        self.encoder.close(usage, &mut self.out);
        self.state = State::Ended;
    }
}

impl<W: ResponseEncoder> Stream for AnswerStream<W> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.answers.is_empty() && this.state == State::New {
            this.open();
            this.close_if_complete();
        }
        let answers = this.answers.len();
        for offset in 0..answers {
            // A failure clears the answers.
            if this.state == State::Ended || !this.advance((this.turn + offset) % answers, cx) {
                break;
            }
        }
        this.turn = this.turn.wrapping_add(1);
        let idle = this.out.is_empty() && this.state != State::Ended;
        if idle && this.ping.poll_tick(cx).is_ready() {
            this.encoder.ping(&mut this.out);
        }
        if !this.out.is_empty() {
            return Poll::Ready(Some(Ok(this.out.split().freeze())));
        }
        if this.state == State::Ended { Poll::Ready(None) } else { Poll::Pending }
    }
}
