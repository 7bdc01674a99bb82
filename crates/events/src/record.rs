//! An event with its id and time, and the same as the ring holds it.

use std::ops::Deref;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::event::TeamEvent;

/// An event in the ring. `id` and `at_us` stand beside the event's own fields in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Increases by one per event.
    pub id: u64,
    /// Microseconds since 1970, of a clock that does not go back while the process lives.
    pub at_us: u64,
    /// The event.
    #[serde(flatten)]
    pub event: TeamEvent,
}

/// Record in the ring, with its JSON text for all listeners: it is encoded once, by the first.
#[derive(Debug)]
pub struct PublishedRecord {
    record: EventRecord,
    json: OnceLock<String>,
}

impl PublishedRecord {
    pub(crate) fn new(record: EventRecord) -> Self {
        Self { record, json: OnceLock::new() }
    }

    /// JSON of the record, on one line.
    ///
    /// # Panics
    /// If a record cannot be encoded: events are strings, numbers, lists and structs.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| serde_json::to_string(&self.record).expect("an event is JSON"))
    }
}

impl Deref for PublishedRecord {
    type Target = EventRecord;

    fn deref(&self) -> &EventRecord {
        &self.record
    }
}

impl PartialEq for PublishedRecord {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}
