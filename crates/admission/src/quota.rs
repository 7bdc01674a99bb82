//! Quotas: requests that each agent may have in flight without borrowing.
//!
//! The planned slots may exceed the requests that can be in flight (the paper grants 84 slots where
//! 16 run at once). Quotas are then scaled down proportionally, to whole slots.

use crate::config::AgentConfig;

/// Quotas in the order of `agents`; their sum is at most `in_flight`.
///
/// If the slots fit, they are the quotas. Otherwise each agent gets its proportional share rounded
/// down, but at least one while any is left if it has slots; the remainder goes to the largest
/// fractions. Ties go to the higher tier, then to the earlier agent.
pub fn quotas(agents: &[AgentConfig], in_flight: u32) -> Vec<u32> {
    let slots: Vec<u32> = agents.iter().map(|agent| agent.slots).collect();
    apportion(&slots, in_flight, |at| agents[at].tier.number())
}

/// As [`quotas`], for shares without tiers.
pub(crate) fn scaled_down(shares: &[u32], in_flight: u32) -> Vec<u32> {
    apportion(shares, in_flight, |_| 0)
}

fn apportion(slots: &[u32], in_flight: u32, tier: impl Fn(usize) -> u8) -> Vec<u32> {
    let all: u64 = slots.iter().copied().map(u64::from).sum();
    if all <= u64::from(in_flight) {
        return slots.to_vec();
    }
    let exact = |at: usize| u64::from(slots[at]) * u64::from(in_flight);
    let mut quotas: Vec<u32> =
        (0..slots.len()).map(|at| u32::try_from(exact(at) / all).unwrap_or(0)).collect();
    let mut left = in_flight.saturating_sub(quotas.iter().sum());
    let mut order: Vec<usize> = (0..slots.len()).filter(|at| slots[*at] > 0).collect();
    // Agents without a slot first, then by remainder.
    order.sort_by_key(|at| (quotas[*at] > 0, u64::MAX - exact(*at) % all, tier(*at)));
    for at in order {
        if left == 0 {
            break;
        }
        quotas[at] += 1;
        left -= 1;
    }
    // The remainder may be smaller than the number of agents without a slot; the largest quotas
    // then give one up each.
    for at in 0..quotas.len() {
        let richest = (0..quotas.len()).max_by_key(|at| quotas[*at]);
        if let (0, true, Some(richest)) = (quotas[at], slots[at] > 0, richest)
            && quotas[richest] > 1
        {
            quotas[richest] -= 1;
            quotas[at] = 1;
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use harmonic_types::{AgentName, Tier};
    use proptest::prelude::*;

    use super::*;

    fn agents(slots: &[u32]) -> Vec<AgentConfig> {
        let share = |slots: &u32| AgentConfig {
            name: AgentName::from("a"),
            tier: Tier::Directors,
            slots: *slots,
        };
        slots.iter().map(share).collect()
    }

    #[test]
    fn slots_that_fit_are_the_quotas() {
        assert_eq!(quotas(&agents(&[3, 0, 2]), 8), [3, 0, 2]);
    }

    #[test]
    fn the_papers_84_slots_on_16_sequences() {
        assert_eq!(quotas(&agents(&[16, 16, 12, 12, 12, 8, 8]), 16), [3, 3, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn no_agent_is_left_without_while_another_has_two() {
        assert_eq!(quotas(&agents(&[100, 1, 1, 1]), 4), [1, 1, 1, 1]);
    }

    proptest! {
        #[test]
        fn all_slots_are_given_out_and_no_more(
            slots in prop::collection::vec(0..40u32, 1..9), in_flight in 1..40u32,
        ) {
            let quotas = quotas(&agents(&slots), in_flight);
            let total: u32 = quotas.iter().sum();
            prop_assert_eq!(total, in_flight.min(slots.iter().sum()));
            for (quota, slots) in quotas.iter().zip(&slots) {
                prop_assert!(quota <= slots);
            }
            let holders = slots.iter().filter(|slots| **slots > 0).count();
            if holders <= in_flight as usize {
                let empty = quotas.iter().zip(&slots).any(|(r, s)| *r == 0 && *s > 0);
                prop_assert!(!empty);
            }
        }
    }
}
