//! What one agent of a stack asks of the budget.

use harmonic_perfmodel::aligned;
use harmonic_types::{Tier, Tokens};

/// Parts into which the way from an agent's smallest context to its full one is divided.
pub const CONTEXT_STEPS: u64 = 8;

/// Demand of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Engine of the agent, an index into the engines.
    pub engine: usize,
    /// Tier of the agent.
    pub tier: Tier,
    /// Desired number of slots.
    pub target: u32,
    /// Slots that it keeps when another agent joins: half of its quota; at most `target`.
    pub floor: u32,
    /// Smallest useful context, in cells; at most `context`.
    pub min_context: u64,
    /// Desired context, in cells.
    pub context: u64,
    /// Tokens of its system prompt, whose snapshot is charged once when it is placed.
    pub prefix: Tokens,
}

impl Demand {
    /// Its context in cells after `step` of [`CONTEXT_STEPS`]: that part of the desired one, but at
    /// least the smallest one.
    pub(crate) fn context_at(&self, step: u64) -> u64 {
        let part = u128::from(self.context) * u128::from(step) / u128::from(CONTEXT_STEPS);
        let part = aligned(u64::try_from(part).unwrap_or(u64::MAX));
        part.clamp(self.min_context, self.context)
    }

    /// Most slots that it has while another agent is left out: twice the floor, so that no agent
    /// that joins takes more than half of them.
    pub(crate) fn cap(&self, all_placed: bool) -> u32 {
        if all_placed { self.target } else { self.target.min(self.floor.saturating_mul(2)) }
    }

    /// Half of its target, up to which slots are shared in proportion.
    pub(crate) fn half(&self) -> u32 {
        self.target.div_ceil(2)
    }
}
