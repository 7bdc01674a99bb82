//! Answer to one request, as a stream of events.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use harmonic_types::{Event, RequestId};
use tokio::sync::mpsc;

/// Facts known at admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The request.
    pub request: RequestId,
    /// Sequence id.
    pub slot: u32,
    /// Time in the queue.
    pub queued: Duration,
    /// Number of tokens of the rendered prompt.
    pub prompt_tokens: u32,
}

/// Guard that cancels a request when dropped.
pub struct Cancel(Option<Box<dyn FnOnce() + Send>>);

impl Cancel {
    /// A guard that runs `on_drop`.
    pub fn new(on_drop: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(on_drop)))
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cancel")
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some(on_drop) = self.0.take() {
            on_drop();
        }
    }
}

/// A running generation. Ends after one [`Event::Finished`], [`Event::FormBroken`] or
/// [`Event::Failed`]; dropping it earlier cancels the request.
#[derive(Debug)]
pub struct Generation {
    admitted: Admitted,
    events: mpsc::UnboundedReceiver<Event>,
    _cancel: Cancel,
}

impl Generation {
    /// A generation that yields the events of `events`. The channel is unbounded: its length is
    /// limited by `max_tokens`.
    pub fn new(admitted: Admitted, events: mpsc::UnboundedReceiver<Event>, cancel: Cancel) -> Self {
        Self { admitted, events, _cancel: cancel }
    }

    /// Facts known at admission.
    pub fn admitted(&self) -> Admitted {
        self.admitted
    }

    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

impl Stream for Generation {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(cx)
    }
}
