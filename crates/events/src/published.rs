//! A document of the stream with its JSON text.

use std::ops::Deref;
use std::sync::OnceLock;

use serde::Serialize;

use crate::record::EventRecord;
use crate::snapshot::Snapshot;

/// Document that all listeners share, with its JSON text: it is encoded once, by the first.
#[derive(Debug)]
pub struct Published<T> {
    document: T,
    json: OnceLock<String>,
}

/// Event in the ring.
pub type PublishedRecord = Published<EventRecord>;

/// State after one of the events.
pub type PublishedSnapshot = Published<Snapshot>;

impl<T> Published<T> {
    pub(crate) const fn new(document: T) -> Self {
        Self { document, json: OnceLock::new() }
    }
}

impl<T: Serialize> Published<T> {
    /// JSON of the document, on one line.
    ///
    /// # Panics
    /// If it cannot be encoded: events and snapshots are strings, numbers, lists and structs.
    pub fn json(&self) -> &str {
        let encode = || serde_json::to_string(&self.document).expect("the document is JSON");
        self.json.get_or_init(encode)
    }
}

impl<T> Deref for Published<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.document
    }
}

impl<T: PartialEq> PartialEq for Published<T> {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}
