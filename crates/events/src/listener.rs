//! One listener's cursor into the ring.
//!
//! Invariant: a listener has a cursor and no queue, so a slow one holds nothing back.

use std::sync::Arc;

use tokio::sync::watch;

use crate::published::{PublishedRecord, PublishedSnapshot};
use crate::stream::{Behind, EventStream, Latest};

/// Most events in one delivery.
const MOST: usize = 512;

/// Cursor into the ring. Dropping it frees its place among the listeners.
#[derive(Debug)]
pub struct Listener {
    stream: EventStream,
    latest: watch::Receiver<Latest>,
    /// The last event that was delivered; `None` before the first snapshot.
    after: Option<u64>,
}

/// Delivery to a listener.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// Current state; the next delivery continues after it.
    Snapshot(Arc<PublishedSnapshot>),
    /// Number of events lost to a slow listener, and the current state; the next delivery continues
    /// after it.
    Lost(u64, Arc<PublishedSnapshot>),
    /// Events in order, at least one.
    Events(Vec<Arc<PublishedRecord>>),
}

impl Listener {
    pub(crate) fn new(stream: EventStream, after: Option<u64>) -> Self {
        let latest = stream.0.latest.subscribe();
        Self { stream, latest, after }
    }

    /// The next delivery, if there is one now.
    pub fn take(&mut self) -> Option<Delivery> {
        let Some(after) = self.after else {
            let snapshot = self.stream.0.snapshot();
            self.after = Some(snapshot.id);
            return Some(Delivery::Snapshot(snapshot));
        };
        match self.stream.0.behind(after, MOST) {
            Behind::Nothing => None,
            Behind::Lost => {
                // Events still in the ring count as lost, too: the snapshot replaces them.
                let snapshot = self.stream.0.snapshot();
                self.after = Some(snapshot.id);
                Some(Delivery::Lost(snapshot.id - after, snapshot))
            }
            Behind::Records(records) => {
                self.after = records.last().map(|last| last.id);
                Some(Delivery::Events(records))
            }
        }
    }

    /// The next delivery, waiting for one; `None` after the end of the stream.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            // Marked as seen before the ring is read, so that no event is missed in between.
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
