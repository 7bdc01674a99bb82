//! Requests of an engine that are not over.
//!
//! Invariants: iteration and JSON are in the order of the offers; a change or the end of a request
//! costs the same however many others are open.

use std::collections::{BTreeMap, HashMap};

use harmonic_types::RequestId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::snapshot::RequestSnapshot;

/// Open requests, a list in JSON.
#[derive(Clone, Debug, Default)]
pub struct OpenRequests {
    /// By the number of their offer.
    requests: BTreeMap<u64, RequestSnapshot>,
    offers: HashMap<RequestId, u64>,
    /// Offers so far.
    offered: u64,
}

impl OpenRequests {
    /// In the order of their offers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &RequestSnapshot> {
        self.requests.values()
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a request, the last one offered; it replaces an open one with its id.
    pub(crate) fn offer(&mut self, request: RequestSnapshot) {
        self.remove(request.request);
        self.offers.insert(request.request, self.offered);
        self.requests.insert(self.offered, request);
        self.offered += 1;
    }

    pub(crate) fn get_mut(&mut self, id: RequestId) -> Option<&mut RequestSnapshot> {
        self.requests.get_mut(self.offers.get(&id)?)
    }

    pub(crate) fn remove(&mut self, id: RequestId) {
        if let Some(offer) = self.offers.remove(&id) {
            self.requests.remove(&offer);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.requests.clear();
        self.offers.clear();
    }
}

impl PartialEq for OpenRequests {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl FromIterator<RequestSnapshot> for OpenRequests {
    fn from_iter<I: IntoIterator<Item = RequestSnapshot>>(requests: I) -> Self {
        let mut all = Self::default();
        for request in requests {
            all.offer(request);
        }
        all
    }
}

impl<'a> IntoIterator for &'a OpenRequests {
    type Item = &'a RequestSnapshot;
    type IntoIter = std::collections::btree_map::Values<'a, u64, RequestSnapshot>;

    fn into_iter(self) -> Self::IntoIter {
        self.requests.values()
    }
}

impl Serialize for OpenRequests {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for OpenRequests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<RequestSnapshot>::deserialize(deserializer)?.into_iter().collect())
    }
}
