//! Identifiers of the requests that runs make.

use std::sync::atomic::{AtomicU64, Ordering};

use harmonic_types::RequestId;

/// First identifier: those of the gateway count up from 1, and both have the same space, whose
/// numbers are exact in JSON.
const FIRST: u64 = 1 << 52;

static NEXT: AtomicU64 = AtomicU64::new(FIRST);

/// A new identifier, unique in this process.
pub(crate) fn next() -> RequestId {
    RequestId(NEXT.fetch_add(1, Ordering::Relaxed))
}
