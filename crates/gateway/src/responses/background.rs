//! One response in the background: its encoder, and the latest events of its stream.
//!
//! Invariants: events are numbered without gaps, and the oldest are dropped beyond [`MOST_BYTES`];
//! nothing is written after its end; a listener has a cursor and no queue.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use harmonic_api::openai::responses::{Response, ResponsesEncoder};
use harmonic_types::RunId;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::error::ResponsesError;
use crate::runs::RunOwner;

/// Events of one response that are kept, in bytes: some 8,000 tokens.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// End of an event on the wire; JSON has no raw line break.
const EVENT_END: &[u8] = b"\n\n";

/// One response in the background.
#[derive(Debug)]
pub(crate) struct BackgroundResponse {
    pub(crate) id: String,
    pub(super) owner: RunOwner,
    /// The run that it is, if it is one of the team.
    pub(crate) run: Option<RunId>,
    /// Whether a client wants its end.
    is_cancelled: AtomicBool,
    cancel: Notify,
    state: Mutex<State>,
    news: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    encoder: ResponsesEncoder,
    events: VecDeque<Bytes>,
    /// Number of the first of them.
    first: u64,
    bytes: usize,
    ended: Option<Instant>,
}

/// Part of a stream.
pub(crate) enum Part {
    /// Events, at least one.
    Events(Vec<Bytes>),
    /// None yet.
    Pending,
    /// None any more.
    End,
}

impl BackgroundResponse {
    /// A response that waits for its turn; `encoder` has written nothing.
    pub(crate) fn new(owner: RunOwner, run: Option<RunId>, encoder: ResponsesEncoder) -> Self {
        let response = Self {
            id: encoder.response().id,
            owner,
            run,
            is_cancelled: AtomicBool::new(false),
            cancel: Notify::new(),
            state: Mutex::new(State {
                encoder,
                events: VecDeque::new(),
                first: 0,
                bytes: 0,
                ended: None,
            }),
            news: watch::Sender::new(()),
        };
        response.write(ResponsesEncoder::queue);
        response
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response so far.
    pub(crate) fn document(&self) -> Response {
        self.state().encoder.response()
    }

    /// Time of its end; `None` while it runs.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.state().ended
    }

    /// Writes events.
    pub(super) fn write(&self, write: impl FnOnce(&mut ResponsesEncoder, &mut BytesMut)) {
        self.add(write, false);
    }

    /// Writes the last events.
    pub(super) fn end(&self, write: impl FnOnce(&mut ResponsesEncoder, &mut BytesMut)) {
        self.add(write, true);
    }

    fn add(&self, write: impl FnOnce(&mut ResponsesEncoder, &mut BytesMut), is_last: bool) {
        let mut state = self.state();
        if state.ended.is_some() {
            return;
        }
        let mut out = BytesMut::new();
        write(&mut state.encoder, &mut out);
        state.keep(out.freeze());
        if is_last {
            state.ended = Some(Instant::now());
        }
        drop(state);
        self.news.send_replace(());
    }

    /// Asks for its end.
    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        self.cancel.notify_one();
    }

    /// Says that its end is asked for elsewhere, so that it counts as cancelled.
    pub(crate) fn expect_cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
    }

    /// Whether its end was asked for.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Resolves when [`Self::cancel`] was called.
    pub(super) async fn cancelled(&self) {
        self.cancel.notified().await;
    }

    /// Resolves when it has ended.
    pub(crate) async fn until_ended(&self) {
        let mut news = self.news();
        while self.ended().is_none() && news.changed().await.is_ok() {}
    }

    /// Signal of new events.
    pub(super) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Checks that a stream can begin after the event `after`.
    ///
    /// # Errors
    /// [`ResponsesError::EventsGone`], or one for an event that was never sent.
    pub(crate) fn check_after(&self, after: Option<u64>) -> Result<(), ResponsesError> {
        let state = self.state();
        let sent = state.encoder.events();
        if let Some(after) = after.filter(|after| *after >= sent) {
            return Err(ResponsesError::Query {
                name: "starting_after",
                value: after.to_string(),
                expected: format!("the number of an event that was sent, at most {}", sent - 1),
            });
        }
        let next = after.map_or(0, |after| after + 1);
        if next < state.first {
            let after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
            return Err(ResponsesError::EventsGone { after, first: state.first - 1 });
        }
        Ok(())
    }

    /// Events from the one numbered `next` on, up to `most` bytes; `None` where they were dropped.
    pub(super) fn part(&self, next: u64, most: usize) -> Option<Part> {
        let state = self.state();
        if next < state.first {
            return None;
        }
        let skip = usize::try_from(next - state.first).unwrap_or(usize::MAX);
        let mut left = most;
        let events: Vec<Bytes> = state
            .events
            .iter()
            .skip(skip)
            .take_while(|event| {
                let fits = left > 0;
                left = left.saturating_sub(event.len());
                fits
            })
            .cloned()
            .collect();
        Some(match (events.is_empty(), state.ended) {
            (false, _) => Part::Events(events),
            (true, None) => Part::Pending,
            (true, Some(_)) => Part::End,
        })
    }
}

impl State {
    /// Keeps the events in `written`, and drops the oldest beyond the limit.
    fn keep(&mut self, mut written: Bytes) {
        while let Some(end) = find(&written, EVENT_END) {
            let event = written.split_to(end + EVENT_END.len());
            self.bytes += event.len();
            self.events.push_back(event);
        }
        // The last one stays, however large: it is the end, or a whole answer.
        while self.bytes > MOST_BYTES && self.events.len() > 1 {
            let Some(dropped) = self.events.pop_front() else { break };
            self.bytes -= dropped.len();
            self.first += 1;
        }
    }
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}
