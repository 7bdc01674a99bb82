//! Changes of the slots of runs' requests after their grant, from the events of the engines.
//!
//! Invariants: a request is watched from before its offer until its watch is dropped; the events are
//! listened to only while a request is watched; a listener that lost events goes on with the state.
//!
//! Does not do: grants and ends, which the engine tells the request itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use harmonic_events::{Delivery, EventStream, Listener, Phase, Snapshot, TeamEvent};
use harmonic_types::RequestId;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

/// What became of a slot after its grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotChange {
    /// It was taken back.
    Preempted,
    /// The request goes on, in this slot.
    Resumed(u32),
    /// The request was moved to this slot.
    Moved(u32),
}

/// Watch of the slots of many requests.
#[derive(Debug)]
pub(crate) struct SlotWatch {
    events: EventStream,
    watched: Mutex<Watched>,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct Watched {
    requests: BTreeMap<RequestId, WatchedRequest>,
    /// The task that listens to the events while there are requests.
    listening: Option<AbortHandle>,
}

#[derive(Debug)]
struct WatchedRequest {
    changes: mpsc::UnboundedSender<SlotChange>,
    is_preempted: bool,
}

impl SlotWatch {
    /// A watch over the requests of the engines that publish to `events`.
    pub(crate) fn new(events: EventStream) -> Self {
        Self { events, watched: Mutex::default(), tasks: TaskTracker::new() }
    }

    /// Watches a request that is about to be offered.
    pub(crate) fn watch(self: &Arc<Self>, request: RequestId) -> WatchedSlot {
        let (sender, changes) = mpsc::unbounded_channel();
        let mut watched = self.watched();
        let entry = WatchedRequest { changes: sender, is_preempted: false };
        watched.requests.insert(request, entry);
        if watched.listening.as_ref().is_none_or(AbortHandle::is_finished) {
            // From now on, not from when the task begins.
            match self.events.listen(None) {
                Ok(mut listener) => {
                    listener.take();
                    let listening = self.tasks.spawn(Arc::clone(self).listen(listener));
                    watched.listening = Some(listening.abort_handle());
                }
                Err(error) => tracing::warn!(%error, "preemptions of runs are not shown"),
            }
        }
        WatchedSlot { watch: Arc::clone(self), request, changes }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(self: Arc<Self>, mut listener: Listener) {
        while let Some(delivery) = listener.next().await {
            let mut watched = self.watched();
            match delivery {
                Delivery::Snapshot(state) | Delivery::Lost(_, state) => watched.take_state(&state),
                Delivery::Events(records) => {
                    for record in &records {
                        watched.take(&record.event);
                    }
                }
            }
        }
    }
}

impl Watched {
    fn take(&mut self, event: &TeamEvent) {
        let (request, change) = match *event {
            TeamEvent::RequestPreempted { request, .. } => (request, SlotChange::Preempted),
            TeamEvent::RequestResumed { request, slot, .. } => (request, SlotChange::Resumed(slot)),
            TeamEvent::RequestMoved { request, slot, .. } => (request, SlotChange::Moved(slot)),
            _ => return,
        };
        if let Some(watched) = self.requests.get_mut(&request) {
            watched.tell(change);
        }
    }

    /// Tells what has changed where the events of it were not heard.
    fn take_state(&mut self, state: &Snapshot) {
        for known in state.engines.iter().flat_map(|engine| &engine.requests) {
            let Some(watched) = self.requests.get_mut(&known.request) else { continue };
            match (known.phase == Phase::Preempted, watched.is_preempted, known.slot) {
                (true, false, _) => watched.tell(SlotChange::Preempted),
                (false, true, Some(slot)) => watched.tell(SlotChange::Resumed(slot)),
                _ => {}
            }
        }
    }
}

impl WatchedRequest {
    fn tell(&mut self, change: SlotChange) {
        match change {
            SlotChange::Preempted => self.is_preempted = true,
            SlotChange::Resumed(_) => self.is_preempted = false,
            SlotChange::Moved(_) => {}
        }
        // Who watched it is about to drop the watch.
        let _ = self.changes.send(change);
    }
}

/// Watch of one request.
#[derive(Debug)]
pub(crate) struct WatchedSlot {
    watch: Arc<SlotWatch>,
    request: RequestId,
    changes: mpsc::UnboundedReceiver<SlotChange>,
}

impl WatchedSlot {
    /// The next change, in order.
    pub(crate) async fn changed(&mut self) -> SlotChange {
        match self.changes.recv().await {
            Some(change) => change,
            // Nothing is heard of it any more.
            None => std::future::pending().await,
        }
    }
}

impl Drop for WatchedSlot {
    fn drop(&mut self) {
        let mut watched = self.watch.watched();
        watched.requests.remove(&self.request);
        if watched.requests.is_empty()
            && let Some(listening) = watched.listening.take()
        {
            listening.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::RequestClass;

    use super::*;

    fn engine() -> String {
        "e0".to_owned()
    }

    fn admitted(events: &EventStream, request: RequestId) {
        events.publish(TeamEvent::RequestQueued {
            engine: engine(),
            request,
            agent: "coder".into(),
            class: RequestClass::Interactive,
            prompt_tokens: 1,
        });
        let (slot, borrowed, queued_us) = (0, true, 1);
        let engine = engine();
        events.publish(TeamEvent::RequestAdmitted { engine, request, slot, borrowed, queued_us });
    }

    fn events(capacity: usize) -> EventStream {
        let events = EventStream::new(capacity, 1);
        events.publish(TeamEvent::EngineStarting {
            engine: engine(),
            model: "m".to_owned(),
            sequences: 2,
            agents: Vec::new(),
        });
        events
    }

    #[tokio::test]
    async fn a_request_hears_of_its_own_slot_alone_and_the_last_watch_ends_the_listening() {
        let events = events(64);
        let watch = Arc::new(SlotWatch::new(events.clone()));
        let (one, other) = (RequestId(1), RequestId(2));
        let (mut first, second) = (watch.watch(one), watch.watch(other));
        for request in [one, other] {
            admitted(&events, request);
        }
        let (engine, borrowed) = (engine(), true);
        events.publish(TeamEvent::RequestPreempted { engine: engine.clone(), request: one });
        events.publish(TeamEvent::RequestResumed {
            engine: engine.clone(),
            request: one,
            slot: 1,
            borrowed,
        });
        events.publish(TeamEvent::RequestMoved { engine, request: one, slot: 0 });
        assert_eq!(first.changed().await, SlotChange::Preempted);
        assert_eq!(first.changed().await, SlotChange::Resumed(1));
        assert_eq!(first.changed().await, SlotChange::Moved(0));
        assert_eq!(events.listeners(), 1);
        drop((first, second));
        while events.listeners() > 0 {
            tokio::task::yield_now().await;
        }
        let mut again = watch.watch(one);
        admitted(&events, one);
        events.publish(TeamEvent::RequestPreempted { engine: self::engine(), request: one });
        assert_eq!(again.changed().await, SlotChange::Preempted);
    }

    #[tokio::test]
    async fn a_preemption_whose_event_is_lost_is_seen_in_the_state() {
        let events = events(2);
        let watch = Arc::new(SlotWatch::new(events.clone()));
        let mut slot = watch.watch(RequestId(1));
        admitted(&events, RequestId(1));
        tokio::task::yield_now().await;
        events.publish(TeamEvent::RequestPreempted { engine: engine(), request: RequestId(1) });
        // More than the ring holds, before the listener runs.
        for request in 10..20 {
            admitted(&events, RequestId(request));
        }
        assert_eq!(slot.changed().await, SlotChange::Preempted);
    }
}
