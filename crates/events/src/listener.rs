//! One listener's cursor into the ring.
//!
//! Invariant: what a listener holds back is its own: it has a cursor, no queue.

use std::sync::Arc;

use tokio::sync::watch;

use crate::record::EventRecord;
use crate::snapshot::Snapshot;
use crate::stream::{Behind, EventStream, Latest};

/// Most events in one delivery.
const MOST: usize = 512;

/// A cursor into the ring. Its place is free again when it is dropped.
#[derive(Debug)]
pub struct Listener {
    stream: EventStream,
    latest: watch::Receiver<Latest>,
    /// The last event that was delivered; `None` before the first snapshot.
    after: Option<u64>,
}

/// What a listener is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// The state now; the next delivery goes on after it.
    Snapshot(Box<Snapshot>),
    /// Number of events that the listener was too slow for, with the state now; the next delivery
    /// goes on after it.
    Lost(u64, Box<Snapshot>),
    /// Events in order, at least one.
    Events(Vec<Arc<EventRecord>>),
}

impl Listener {
    pub(crate) fn new(stream: EventStream, after: Option<u64>) -> Self {
        let latest = stream.0.latest.subscribe();
        Self { stream, latest, after }
    }

    /// What there is for it now; `None` where it has all.
    pub fn take(&mut self) -> Option<Delivery> {
        let Some(after) = self.after else {
            let snapshot = self.stream.0.state();
            self.after = Some(snapshot.id);
            return Some(Delivery::Snapshot(Box::new(snapshot)));
        };
        match self.stream.0.behind(after, MOST) {
            Behind::Nothing => None,
            Behind::Lost(count, snapshot) => {
                self.after = Some(snapshot.id);
                Some(Delivery::Lost(count, snapshot))
            }
            Behind::Records(records) => {
                self.after = records.last().map(|last| last.id);
                Some(Delivery::Events(records))
            }
        }
    }

    /// What there is for it, as soon as there is something; `None` once the stream has ended.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            // Marked as seen before it is looked for, so that nothing slips in between.
            let ended = self.latest.borrow_and_update().ended;
            if let Some(delivery) = self.take() {
                return Some(delivery);
            }
            if ended || self.latest.changed().await.is_err() {
                return None;
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stream.0.leave();
    }
}
