//! Sequences beyond the slots of an engine's agents: slots are rights, not a ceiling.
//!
//! A stack of one specialist has eight slots, but its machine computes 32 sequences nearly as fast.
//! What the budget leaves therefore goes to further sequences, up to the maximum in flight, and
//! admission lends them to any agent of the engine that asks:
//! 1. as many as the slots of all agents leave of the maximum in flight. They belong to nobody, so a
//!    borrower need never be preempted, and all that is left may go to them;
//! 2. more, from a third of the rest: while these are lent, agents of other engines may claim what
//!    is theirs, and the borrowers must be saved, for which memory is left (`leftover.rs`).
//!
//! Only engines in streams get more: in a unified cache every sequence would attend over the cells
//! of all others.
//!
//! Invariant: does not reduce any grant.

use harmonic_types::{Bytes, KvLayout};

use crate::cost_model::CostModel;
use crate::footprint::Footprint;

/// Divisor of the bytes left, for sequences whose borrowers may have to be preempted.
const CLAIMED_SHARE: u64 = 3;

/// Adds sequences to `engines`, in order of priority, from the bytes `left`; returns the remaining
/// ones. `slots` is the sum over all engines of this machine that generate text.
pub(crate) fn add_sequences(
    mut engines: Vec<(&mut Footprint, &CostModel<'_>)>,
    slots: u64,
    left: Bytes,
) -> Bytes {
    engines.retain(|(footprint, cost)| cost.is_exact() && footprint.layout == KvLayout::Streams);
    let unowned = |cost: &CostModel<'_>| u64::from(cost.max_sequences()).saturating_sub(slots);
    let most = engines
        .iter()
        .map(|(footprint, cost)| {
            let most = u64::from(footprint.sequences).saturating_add(unowned(cost));
            u32::try_from(most).unwrap_or(u32::MAX).min(cost.max_sequences())
        })
        .collect::<Vec<_>>();
    let rest = grow(&mut engines, &most, left);
    let most = engines.iter().map(|(_, cost)| cost.max_sequences()).collect::<Vec<_>>();
    let part = Bytes(rest.0 / CLAIMED_SHARE);
    let unspent = grow(&mut engines, &most, part);
    rest.saturating_sub(part.saturating_sub(unspent))
}

/// One sequence each in turns, up to `most`, as long as they fit; returns the remaining bytes.
fn grow(engines: &mut [(&mut Footprint, &CostModel<'_>)], most: &[u32], mut left: Bytes) -> Bytes {
    let mut growing: Vec<usize> = (0..engines.len()).collect();
    while !growing.is_empty() {
        growing.retain(|at| {
            let (footprint, cost) = &mut engines[*at];
            if footprint.sequences >= most[*at] {
                return false;
            }
            let larger = cost.with_sequences(footprint, footprint.sequences + 1);
            let more = larger.total().saturating_sub(footprint.total());
            if more > left {
                return false;
            }
            left = left.saturating_sub(more);
            **footprint = larger;
            true
        });
    }
    left
}
