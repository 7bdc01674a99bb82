//! Use of the budget left over after the allocation: memory for preempted sequences, without which
//! no slot that belongs to another agent can be borrowed, and for retained conversations.
//!
//! Invariant: does not reduce any grant; an engine without it lends only sequences that belong to
//! nobody, and caches only system prompts.

use harmonic_types::Bytes;

use crate::footprint::Footprint;

/// Divisor of the KV cache and recurrent states for preempted sequences: a quarter holds a quarter
/// of the sequences at full length, or more shorter ones.
const PREEMPT_SHARE: u64 = 4;
/// Divisor of the same for conversations.
const CONVERSATION_SHARE: u64 = 8;

/// Distributes up to half of `left` over `engines` in proportion to their demand; the other half
/// stays headroom. Borrowers have to be preempted only where `several` agents are placed, on this
/// engine or another one of the device.
pub(crate) fn distribute<'a>(
    engines: impl IntoIterator<Item = &'a mut Footprint>,
    several: bool,
    left: Bytes,
) {
    let demands: Vec<_> = engines
        .into_iter()
        .map(|footprint| {
            let cache = footprint.kv.0.saturating_add(footprint.state.0);
            let preempt = if several { cache / PREEMPT_SHARE } else { 0 };
            let conversations = cache / CONVERSATION_SHARE;
            (footprint, preempt, conversations)
        })
        .collect();
    let wanted: u64 =
        demands.iter().fold(0, |sum: u64, (_, preempt, kept)| sum.saturating_add(preempt + kept));
    let spent = (left.0 / 2).min(wanted);
    let part = |demand: u64| {
        let bytes = u128::from(demand) * u128::from(spent) / u128::from(wanted.max(1));
        Bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
    };
    for (footprint, preempt, conversations) in demands {
        footprint.preempt = part(preempt);
        footprint.prefix += part(conversations);
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::{Attention, KvLayout};

    use super::*;

    fn engine(kv: u64) -> Footprint {
        Footprint {
            layout: KvLayout::Streams,
            attention: Attention::Flash,
            sequences: 4,
            kv_tokens: 4096,
            mean_context: 1024,
            weights: Bytes(1),
            kv: Bytes(kv),
            state: Bytes::ZERO,
            prefix: Bytes(7),
            preempt: Bytes::ZERO,
            compute: Bytes(1),
            overhead: Bytes(1),
        }
    }

    fn spent(several: bool, left: u64) -> [(u64, u64); 2] {
        let mut engines = [engine(8000), engine(1600)];
        distribute(&mut engines, several, Bytes(left));
        engines.map(|engine| (engine.preempt.0, engine.prefix.0))
    }

    #[test]
    fn with_enough_left_each_gets_its_share_of_the_cache() {
        assert_eq!(spent(true, 10_000), [(2000, 1007), (400, 207)]);
        assert_eq!(spent(false, 10_000), [(0, 1007), (0, 207)]);
    }

    #[test]
    fn with_less_all_get_the_same_part_and_no_more_is_spent() {
        assert_eq!(spent(true, 3600), [(1000, 507), (200, 107)]);
        assert_eq!(spent(true, 0), [(0, 7), (0, 7)]);
    }
}
