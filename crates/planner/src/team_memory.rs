//! Memory of a team while it is put together: the shares of its agents, and what their engines cost.
//!
//! Does not do: decide what is granted; see [`crate::allocation`].

use harmonic_types::{Bytes, KvLayout, Tokens};

use crate::cost_model::{CostModel, SlotsByContext};
use crate::demand::Demand;
use crate::footprint::Footprint;
use crate::runtime::Runtime;

/// Slots and context of a placed agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Slots.
    pub slots: u32,
    /// Context in cells.
    pub context: u64,
}

/// Shares of the agents, and memory of the engines.
#[derive(Clone, Debug)]
pub(crate) struct TeamMemory<'a> {
    demands: &'a [Demand],
    shares: Vec<Option<Share>>,
    engines: Vec<EngineMemory<'a>>,
    total: u128,
}

#[derive(Clone, Debug)]
struct EngineMemory<'a> {
    cost: &'a CostModel<'a>,
    slots: SlotsByContext,
    /// System prompts of its agents.
    prompts: Vec<Tokens>,
    /// Snapshots of the system prompts.
    prefix: Bytes,
    /// Whether the scores of plain attention are counted.
    plain: bool,
    bytes: u64,
}

impl EngineMemory<'_> {
    fn add_prompt(&mut self, prompt: Tokens) {
        self.prompts.push(prompt);
        self.prefix = Bytes(self.prefix.0.saturating_add(self.cost.snapshot(prompt).0));
    }

    fn footprint(&self) -> Footprint {
        let fused = Footprint { prefix: self.prefix, ..self.cost.engine(&self.slots) };
        let plain = self.plain.then(|| self.cost.plain(&fused)).flatten();
        plain.unwrap_or(fused)
    }
}

impl<'a> TeamMemory<'a> {
    /// A team without agents.
    pub(crate) fn new(
        demands: &'a [Demand],
        costs: impl IntoIterator<Item = &'a CostModel<'a>>,
    ) -> Self {
        let engine = |cost| EngineMemory {
            cost,
            slots: SlotsByContext::new(),
            prompts: Vec::new(),
            prefix: Bytes::ZERO,
            plain: false,
            bytes: 0,
        };
        let engines = costs.into_iter().map(engine).collect();
        Self { demands, shares: vec![None; demands.len()], engines, total: 0 }
    }

    /// Bytes of all engines with an agent.
    pub(crate) fn total(&self) -> u128 {
        self.total
    }

    pub(crate) fn share(&self, agent: usize) -> Option<Share> {
        self.shares[agent]
    }

    pub(crate) fn shares(&self) -> &[Option<Share>] {
        &self.shares
    }

    /// Shares of the placed agents that generate text on this machine.
    pub(crate) fn generating(&self) -> impl Iterator<Item = Share> {
        let shares = self.demands.iter().zip(&self.shares);
        let generates = |engine: usize| {
            let cost = self.engines[engine].cost;
            !cost.computes_embeddings() && cost.runtime() != Runtime::Elsewhere
        };
        shares.filter_map(move |(demand, share)| share.filter(|_| generates(demand.engine)))
    }

    /// Gives these agents, all of one engine, their shares.
    pub(crate) fn set(&mut self, shares: impl IntoIterator<Item = (usize, Share)>) {
        let mut changed = None;
        for (agent, share) in shares {
            let demand = &self.demands[agent];
            let engine = &mut self.engines[demand.engine];
            match self.shares[agent].replace(share) {
                Some(old) => remove_slots(&mut engine.slots, old),
                None => engine.add_prompt(demand.prefix),
            }
            *engine.slots.entry(share.context).or_default() += u64::from(share.slots);
            changed = Some(demand.engine);
        }
        if let Some(engine) = changed {
            self.recount(engine);
        }
    }

    /// Counts `engine` by another cost model from now on.
    pub(crate) fn set_cost(&mut self, engine: usize, cost: &'a CostModel<'a>) {
        let memory = &mut self.engines[engine];
        memory.cost = cost;
        memory.prefix = Bytes::ZERO;
        for prompt in std::mem::take(&mut memory.prompts) {
            memory.add_prompt(prompt);
        }
        self.recount(engine);
    }

    /// Counts the scores of plain attention of `engine`, or not. Without effect where its cost model
    /// has no plain attention for its slots.
    pub(crate) fn set_plain(&mut self, engine: usize, plain: bool) {
        self.engines[engine].plain = plain;
        self.recount(engine);
    }

    /// Footprint of `engine`; `None` without agents.
    pub(crate) fn footprint(&self, engine: usize) -> Option<Footprint> {
        let engine = &self.engines[engine];
        (!engine.slots.is_empty()).then(|| engine.footprint())
    }

    /// Footprint of `engine` with another layout of its KV cache; `None` without agents.
    pub(crate) fn footprint_in(&self, engine: usize, layout: KvLayout) -> Option<Footprint> {
        let engine = &self.engines[engine];
        let footprint = || engine.cost.engine_in(layout, &engine.slots);
        (!engine.slots.is_empty()).then(|| Footprint { prefix: engine.prefix, ..footprint() })
    }

    fn recount(&mut self, engine: usize) {
        let engine = &mut self.engines[engine];
        let bytes = if engine.slots.is_empty() { 0 } else { engine.footprint().total().0 };
        self.total = self.total - u128::from(engine.bytes) + u128::from(bytes);
        engine.bytes = bytes;
    }
}

/// Removes slots that were added before.
fn remove_slots(slots: &mut SlotsByContext, Share { slots: count, context }: Share) {
    if let Some(left) = slots.get_mut(&context) {
        *left = left.saturating_sub(count.into());
        if *left == 0 {
            slots.remove(&context);
        }
    }
}
