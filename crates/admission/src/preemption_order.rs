//! Order in which running requests are preempted.

use crate::agent::Started;

/// Sorts so that the next victim is last: background, then the lowest tier, then the last admitted.
pub(crate) fn preemption_order(mut candidates: Vec<Started>) -> Vec<Started> {
    candidates.sort_by_key(|started| (started.priority(), started.order));
    candidates
}
