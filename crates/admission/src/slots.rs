//! Room of an engine that batches by itself: a number of slots.
//!
//! Such an engine cannot preempt: a borrowed slot is free again only when its request ends. A
//! stated share of the slots, at least one, is therefore reserved for interactive requests of tier
//! 1 and requests within their quota, so that an executive finds a free slot while others borrow. Slots beyond all quotas
//! belong to nobody and are lent without that reserve.

use std::collections::BTreeSet;

use harmonic_types::{RequestClass, RequestId, Tier};

use crate::room::{BorrowRequest, Room, Short};

/// `n` slots without preemption.
///
/// Invariant: the requests holding a slot never exceed the slots.
#[derive(Clone, Debug)]
pub struct Slots {
    total: u32,
    reserved: u32,
    held: BTreeSet<RequestId>,
}

impl Slots {
    /// An engine of `slots` slots, of which `reserved` cannot be borrowed below tier 1. `reserved`
    /// is clamped to between one and all but one; a single slot is never borrowed.
    pub fn new(slots: u32, reserved: u32) -> Self {
        let total = slots.max(1);
        Self { total, reserved: reserved.clamp(1, (total - 1).max(1)), held: BTreeSet::new() }
    }

    /// Number of free slots.
    pub fn free(&self) -> u32 {
        self.total.saturating_sub(u32::try_from(self.held.len()).unwrap_or(u32::MAX))
    }

    /// Requests holding a slot.
    pub fn held(&self) -> &BTreeSet<RequestId> {
        &self.held
    }

    /// Number of slots that cannot be borrowed below tier 1.
    pub fn reserved(&self) -> u32 {
        self.reserved
    }
}

impl Room for Slots {
    fn fits(&self, _: RequestId, victims: &[RequestId]) -> Result<bool, Short> {
        if victims.is_empty() { Ok(self.free() > 0) } else { Err(Short::NotPreemptible) }
    }

    fn can_borrow(&self, request: &BorrowRequest<'_>) -> bool {
        let borrowers = u32::try_from(request.borrowers.len()).unwrap_or(u32::MAX);
        let executive =
            request.tier == Tier::Executive && request.class == RequestClass::Interactive;
        executive || self.free() > self.reserved || borrowers < request.unclaimed
    }

    fn can_save(&self, ids: &[RequestId]) -> bool {
        ids.is_empty()
    }

    fn reserve(&mut self, id: RequestId) -> Result<(), Short> {
        if self.free() == 0 {
            return Err(Short::Room);
        }
        self.held.insert(id);
        Ok(())
    }

    fn preempt(&mut self, _: RequestId) -> Result<(), Short> {
        Err(Short::NotPreemptible)
    }

    fn resume(&mut self, _: RequestId) -> Result<(), Short> {
        Err(Short::NotPreemptible)
    }

    fn release(&mut self, id: RequestId) {
        self.held.remove(&id);
    }
}
