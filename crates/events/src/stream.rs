//! The one bounded ring of a server.
//!
//! Invariants: publishing waits for no listener. The ring's lock is held only to add or to read
//! references; snapshots are made under the lock of the fold, which a publisher takes only if it is
//! free. An event leaves the ring only once it is folded, so the ring is longer than its capacity
//! for as long as a snapshot is being made.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::audience::Audience;
use crate::event::TeamEvent;
use crate::fold::Fold;
use crate::listener::Listener;
use crate::published::{Published, PublishedRecord, PublishedSnapshot};
use crate::record::EventRecord;
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
    fold: Mutex<Fold>,
    /// Id of the latest event that is folded.
    folded: AtomicU64,
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
    /// Id of the latest event.
    last: u64,
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
        let latest = self.0.ring().last;
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
            last: before_first,
            listening: 0,
        };
        let fold = Fold::new(Snapshot::empty(before_first, began_us));
        let (latest, _) = watch::channel(Latest { id: before_first, ended: false });
        Self(Arc::new(Shared {
            ring: Mutex::new(ring),
            fold: Mutex::new(fold),
            folded: AtomicU64::new(before_first),
            latest,
            began: Instant::now(),
            began_us,
            first: before_first + 1,
            listeners,
        }))
    }

    /// Publishes an event for everyone and returns its id. Never waits for a listener.
    pub fn publish(&self, event: TeamEvent) -> u64 {
        self.publish_to(Audience::Everyone, event)
    }

    /// Publishes an event for `audience` and returns its id. Never waits for a listener.
    pub fn publish_to(&self, audience: Audience, mut event: TeamEvent) -> u64 {
        if let TeamEvent::EngineDied { message, .. } = &mut event {
            shorten(message);
        }
        let mut ring = self.0.ring();
        let id = ring.last + 1;
        let since = u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let at_us = self.0.began_us.saturating_add(since);
        let record = Arc::new(Published::new(EventRecord { id, at_us, audience, event }));
        ring.push(Arc::clone(&record), self.0.folded.load(Ordering::Acquire));
        if ring.listening > 0 {
            self.0.latest.send_modify(|latest| latest.id = id);
        }
        drop(ring);
        self.0.fold(&record);
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
        let known = after.filter(|after| (self.0.first - 1..=ring.last).contains(after));
        Ok(Listener::new(self.clone(), known))
    }

    /// The state after the latest event.
    pub fn snapshot(&self) -> Arc<PublishedSnapshot> {
        self.0.snapshot()
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
    /// The event after the cursor has left the ring.
    Lost,
    /// Nothing.
    Nothing,
}

impl Ring {
    /// Adds the latest event; those up to `folded` may leave the ring for it.
    fn push(&mut self, record: Arc<PublishedRecord>, folded: u64) {
        let is_folded = |record: &Arc<PublishedRecord>| record.id <= folded;
        while self.records.len() >= self.capacity && self.records.front().is_some_and(is_folded) {
            self.records.pop_front();
        }
        self.last = record.id;
        self.records.push_back(record);
    }

    /// Events after the event `after`, which is in the ring or the one before.
    fn after(&self, after: u64) -> impl Iterator<Item = &Arc<PublishedRecord>> {
        let oldest = self.records.front().map_or(self.last + 1, |record| record.id);
        let skip = usize::try_from((after + 1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        self.records.iter().skip(skip)
    }
}

impl Shared {
    /// Every change is a few plain assignments, so a ring is whole even after a panic.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Folds a new event, unless a snapshot is being made: then the next one to fold does.
    fn fold(&self, record: &PublishedRecord) {
        let mut fold = match self.fold.try_lock() {
            Ok(fold) => fold,
            Err(TryLockError::Poisoned(fold)) => fold.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if record.id == fold.id() + 1 {
            fold.apply(record);
            self.folded.store(fold.id(), Ordering::Release);
        } else {
            self.catch_up(&mut fold);
        }
    }

    fn catch_up(&self, fold: &mut Fold) {
        let records: Vec<_> = self.ring().after(fold.id()).cloned().collect();
        for record in &records {
            fold.apply(record);
        }
        self.folded.store(fold.id(), Ordering::Release);
    }

    /// The state after the latest event.
    pub(crate) fn snapshot(&self) -> Arc<PublishedSnapshot> {
        let mut fold = self.fold.lock().unwrap_or_else(PoisonError::into_inner);
        self.catch_up(&mut fold);
        fold.snapshot()
    }

    /// At most `most` events after the event `after`.
    pub(crate) fn behind(&self, after: u64, most: usize) -> Behind {
        let ring = self.ring();
        let oldest = ring.records.front().map_or(ring.last + 1, |record| record.id);
        if after + 1 < oldest {
            return Behind::Lost;
        }
        let records: Vec<_> = ring.after(after).take(most).cloned().collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::AgentSlots;

    fn starting() -> TeamEvent {
        let agents = vec![AgentSlots { agent: "coder".into(), slots: 2, quota: None }];
        let (engine, model) = ("e0".to_owned(), "m".to_owned());
        TeamEvent::EngineStarting { engine, model, sequences: 4, agents }
    }

    fn queued(request: u64) -> TeamEvent {
        TeamEvent::RequestQueued {
            engine: "e0".to_owned(),
            request: harmonic_types::RequestId(request),
            agent: "coder".into(),
            class: harmonic_types::RequestClass::Interactive,
            prompt_tokens: 1,
        }
    }

    #[test]
    fn publishing_does_not_wait_for_a_snapshot_that_is_being_made() {
        let stream = EventStream::new(4, 2);
        stream.publish(starting());
        let being_made = stream.0.fold.lock().unwrap();
        let ids: Vec<u64> = (0..20).map(|request| stream.publish(queued(request))).collect();
        assert_eq!(stream.0.ring().records.len(), 20, "no event leaves before it is folded");
        drop(being_made);
        let snapshot = stream.snapshot();
        assert_eq!(snapshot.id, ids[19]);
        assert_eq!(snapshot.engines[0].requests.len(), 20);
        stream.publish(queued(20));
        assert_eq!(stream.0.ring().records.len(), 4);
        assert_eq!(stream.snapshot().engines[0].requests.len(), 21);
    }
}
