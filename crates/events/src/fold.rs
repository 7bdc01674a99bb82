//! The fold of all events so far, and the snapshot that listeners share.

use std::sync::Arc;

use crate::published::{Published, PublishedSnapshot};
use crate::record::EventRecord;
use crate::snapshot::Snapshot;

/// State of the team after the latest event that was folded.
#[derive(Debug)]
pub(crate) struct Fold {
    state: Snapshot,
    /// The last snapshot that was made.
    shared: Option<Arc<PublishedSnapshot>>,
}

impl Fold {
    pub(crate) const fn new(state: Snapshot) -> Self {
        Self { state, shared: None }
    }

    /// Id of the latest event that was folded.
    pub(crate) const fn id(&self) -> u64 {
        self.state.id
    }

    pub(crate) fn apply(&mut self, record: &EventRecord) {
        self.state.apply(record);
    }

    /// The state, copied at most once after each event.
    pub(crate) fn snapshot(&mut self) -> Arc<PublishedSnapshot> {
        match &self.shared {
            Some(shared) if shared.id == self.state.id => Arc::clone(shared),
            _ => {
                let shared = Arc::new(Published::new(self.state.clone()));
                Arc::clone(self.shared.insert(shared))
            }
        }
    }
}
