//! The one bounded ring of a server.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::event::TeamEvent;
use crate::listener::Listener;
use crate::record::{EventRecord, PublishedRecord};
use crate::snapshot::Snapshot;

/// Events that the ring of a server holds: about ten per request, so those of some 800 requests.
pub const CAPACITY: usize = 8192;

/// Most listeners of a server at once.
pub const LISTENERS: usize = 64;

/// Longest cause of an engine's death that an event holds, in bytes.
const LONGEST_MESSAGE: usize = 1000;

/// Handle to the ring, for publishers and listeners. A clone is another handle to the same ring.
#[derive(Clone)]
pub struct EventStream(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    ring: Mutex<Ring>,
    /// Id of the latest event; tells waiting listeners of a new one, and that the stream ended.
    pub(crate) latest: watch::Sender<Latest>,
    began: Instant,
    began_us: u64,
    first: u64,
    listeners: usize,
}

/// Signal to waiting listeners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latest {
    pub(crate) id: u64,
    pub(crate) ended: bool,
}

struct Ring {
    records: VecDeque<Arc<PublishedRecord>>,
    capacity: usize,
    /// The fold of all events so far.
    state: Snapshot,
    listening: usize,
}

/// Rejection of a listener beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} listeners read the events already, the most at a time")]
pub struct TooManyListeners {
    /// The most.
    pub limit: usize,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latest = self.0.ring().state.id;
        f.debug_struct("EventStream").field("latest", &latest).finish_non_exhaustive()
    }
}

impl Default for EventStream {
    fn default() -> Self {
        Self::new(CAPACITY, LISTENERS)
    }
}

impl EventStream {
    /// A ring of `capacity` events, at least one, for `listeners` at once.
    pub fn new(capacity: usize, listeners: usize) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_us = u64::try_from(since.as_micros()).unwrap_or(0);
        // Ids go on after those of an earlier process, which published less than one event per
        // microsecond; and they stay below 2^53, where JSON's numbers are exact.
        let before_first = began_us;
        let capacity = capacity.max(1);
        let ring = Ring {
            records: VecDeque::with_capacity(capacity.min(1024)),
            capacity,
            state: Snapshot::empty(before_first, began_us),
            listening: 0,
        };
        let (latest, _) = watch::channel(Latest { id: before_first, ended: false });
        Self(Arc::new(Shared {
            ring: Mutex::new(ring),
            latest,
            began: Instant::now(),
            began_us,
            first: before_first + 1,
            listeners,
        }))
    }

    /// Publishes an event and returns its id. Never waits for a listener.
    pub fn publish(&self, mut event: TeamEvent) -> u64 {
        if let TeamEvent::EngineDied { message, .. } = &mut event {
            shorten(message);
        }
        let mut ring = self.0.ring();
        let id = ring.state.id + 1;
        let since = u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let record = EventRecord { id, at_us: self.0.began_us.saturating_add(since), event };
        ring.state.apply(&record);
        if ring.records.len() == ring.capacity {
            ring.records.pop_front();
        }
        ring.records.push_back(Arc::new(PublishedRecord::new(record)));
        if ring.listening > 0 {
            self.0.latest.send_modify(|latest| latest.id = id);
        }
        id
    }

    /// Adds a listener. It receives the events after `after`; if that is `None` or no event of this
    /// stream, a snapshot and the events from now on.
    ///
    /// # Errors
    /// When there are as many listeners as the stream takes.
    pub fn listen(&self, after: Option<u64>) -> Result<Listener, TooManyListeners> {
        let mut ring = self.0.ring();
        if ring.listening >= self.0.listeners {
            return Err(TooManyListeners { limit: self.0.listeners });
        }
        ring.listening += 1;
        let known = after.filter(|after| (self.0.first - 1..=ring.state.id).contains(after));
        Ok(Listener::new(self.clone(), known))
    }

    /// The state after the latest event.
    pub fn snapshot(&self) -> Snapshot {
        self.0.ring().state.clone()
    }

    /// Listeners now.
    pub fn listeners(&self) -> usize {
        self.0.ring().listening
    }

    /// Ends the stream for its listeners after the events published so far.
    pub fn end(&self) {
        self.0.latest.send_modify(|latest| latest.ended = true);
    }
}

/// Result of reading the ring from a cursor.
pub(crate) enum Behind {
    /// Events after its cursor, at least one.
    Records(Vec<Arc<PublishedRecord>>),
    /// The event after the cursor has left the ring: number of lost events, and the current state.
    Lost(u64, Box<Snapshot>),
    /// Nothing.
    Nothing,
}

impl Shared {
    /// Every change is a few plain assignments, so a ring is whole even after a panic.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> Snapshot {
        self.ring().state.clone()
    }

    /// At most `most` events after the event `after`.
    pub(crate) fn behind(&self, after: u64, most: usize) -> Behind {
        let ring = self.ring();
        let oldest = ring.records.front().map_or(ring.state.id + 1, |record| record.id);
        if after + 1 < oldest {
            // Events still in the ring count as lost, too: the snapshot replaces them.
            return Behind::Lost(ring.state.id - after, Box::new(ring.state.clone()));
        }
        let skip = usize::try_from(after + 1 - oldest).unwrap_or(usize::MAX);
        let records: Vec<_> = ring.records.iter().skip(skip).take(most).cloned().collect();
        if records.is_empty() { Behind::Nothing } else { Behind::Records(records) }
    }

    pub(crate) fn leave(&self) {
        self.ring().listening -= 1;
    }
}

fn shorten(message: &mut String) {
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        message.push('…');
    }
}
