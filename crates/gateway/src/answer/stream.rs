//! Generations as the body of a response.
//!
//! Invariants: nothing but signs of life goes out before there is something of an answer, so that
//! the first event is the first token's; the events that are ready travel in one piece, and none
//! waits for another; a
//! failure in mid-stream is written as the dialect has it, and ends the stream and the other
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

use super::{ending, is_last};
use crate::metrics::RequestMetrics;

/// Tells nginx not to gather the stream.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// A piece of the stream is sent once it is this long, in bytes, even when more is ready.
const LONGEST_PIECE: usize = 16 * 1024;
/// Room for about ten chunks: pieces are cut from it without another allocation.
const BUFFER: usize = 2 * 1024;

/// The response that streams `generations`, noted in `account`; `ping` is how often it shows that it lives.
pub(super) fn response<W: ResponseEncoder>(
    writer: W,
    generations: Vec<Generation>,
    account: RequestMetrics,
    ping: Duration,
) -> Response {
    // An interval of zero panics.
    let ping = ping.max(Duration::from_millis(1));
    let mut ping = interval_at(Instant::now() + ping, ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = AnswerStream {
        writer,
        running: generations.len(),
        prompt_tokens: generations.first().map_or(0, |first| first.granted().prompt_tokens),
        turn: 0,
        answers: generations.into_iter().map(Answer::Running).collect(),
        state: State::New,
        ping,
        out: BytesMut::with_capacity(BUFFER),
        account,
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

/// How far a stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Running,
    Ended,
}

/// The body of a streamed response.
struct AnswerStream<W> {
    writer: W,
    /// Closed before the answers are dropped, when the client goes away.
    account: RequestMetrics,
    answers: Vec<Answer>,
    /// How many of them run.
    running: usize,
    prompt_tokens: u32,
    /// Whose turn it is to be first, so that none fills every piece.
    turn: usize,
    state: State,
    /// Not reset by each event, which would cost every token a turn of the timer wheel: a ping can
    /// come soon after an event, and that harms nobody.
    ping: Interval,
    out: BytesMut,
}

impl<W: ResponseEncoder> AnswerStream<W> {
    /// Begins the stream, once.
    fn open(&mut self) {
        if self.state == State::New {
            self.state = State::Running;
            self.writer.open(self.prompt_tokens, &mut self.out);
        }
    }

    /// Writes what is ready of answer number `index`; returns whether it waits for more.
    fn advance(&mut self, index: usize, cx: &mut Context<'_>) -> bool {
        let choice = u32::try_from(index).unwrap_or(u32::MAX);
        while self.out.len() < LONGEST_PIECE {
            let Answer::Running(generation) = &mut self.answers[index] else { return true };
            let Poll::Ready(event) = generation.poll_next_unpin(cx) else { return true };
            self.open();
            match event {
                Some(event) if !is_last(Some(&event)) => {
                    self.account.token();
                    self.writer.event(choice, &event, &mut self.out);
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
        match ending(last) {
            Ok((finish, usage)) => {
                self.answers[index] = Answer::Ended(finish, usage);
                self.running -= 1;
                self.writer.end(choice, finish, usage, &mut self.out);
                self.close_if_complete();
            }
            Err(error) => {
                self.account.broke_off(&error);
                self.writer.fail(&error.wire_error(), &mut self.out);
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
            self.account.finished(finish, usage, ends.count());
        }
        self.writer.close(usage, &mut self.out);
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
            // A failure leaves none.
            if this.state == State::Ended || !this.advance((this.turn + offset) % answers, cx) {
                break;
            }
        }
        this.turn = this.turn.wrapping_add(1);
        let silent = this.out.is_empty() && this.state != State::Ended;
        if silent && this.ping.poll_tick(cx).is_ready() {
            this.writer.ping(&mut this.out);
        }
        if !this.out.is_empty() {
            return Poll::Ready(Some(Ok(this.out.split().freeze())));
        }
        if this.state == State::Ended { Poll::Ready(None) } else { Poll::Pending }
    }
}
