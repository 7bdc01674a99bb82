//! Allocation of slots and contexts under a memory budget.
//!
//! **Objective**, lexicographic, each from tier 1 down and in the order of the stack within a tier:
//! 1. an agent is placed, with the floor of its slots at the smallest context ([`MIN_CONTEXT`]);
//! 2. its context, up to the requested one;
//! 3. its slots, up to its target.
//!
//! Under a smaller budget, slots are therefore reduced first, from the last agent up, then
//! contexts, then agents are skipped.
//!
//! Each agent is granted the best that still fits, in that order. The cost of an engine never
//! decreases with more slots or context, so this greedy choice is optimal by the objective, not an
//! approximation.
//!
//! The rest of the budget is then spent on performance (`attention.rs`, `leftover.rs`).
//!
//! Does not do: name engines or give reasons; see [`crate::plan()`].

use harmonic_types::Bytes;

use crate::cost_model::{CostModel, SlotsByContext};
use crate::footprint::Footprint;
use crate::{attention, leftover};

/// Smallest context of a placed agent, in tokens, unless it requests less: enough for a system
/// prompt, a question and a short answer.
pub const MIN_CONTEXT: u64 = 512;

/// Demand of one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Engine of the agent, an index into the cost models.
    pub engine: usize,
    /// Desired number of slots.
    pub target: u32,
    /// Minimum number of slots; at most `target`.
    pub floor: u32,
    /// Possible contexts in cells: the requested one, then smaller ones; never empty.
    pub contexts: Vec<u64>,
    /// Bytes of the snapshot of its system prompt, charged once when it is placed.
    pub prefix: Bytes,
}

/// Grant to one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The agent is placed.
    Placed {
        /// Slots, its quota.
        slots: u32,
        /// Context in cells.
        context: u64,
    },
    /// The agent does not fit.
    Skipped {
        /// Additional bytes required at the floor and the smallest context.
        needed: Bytes,
        /// Bytes of the budget remaining at that point.
        left: Bytes,
    },
}

/// Grants of all agents and memory of all engines.
#[derive(Clone, Debug)]
pub struct Allocation {
    /// One per demand, in the same order.
    pub grants: Vec<Grant>,
    /// One per cost model; `None` for an engine without agents.
    pub engines: Vec<Option<Footprint>>,
}

/// Divides `budget` among `demands`, given in order of priority.
pub fn allocate(cost_models: &[CostModel<'_>], demands: &[Demand], budget: Bytes) -> Allocation {
    let mut allocator = BudgetAllocator::new(cost_models, budget);
    let mut grants: Vec<Grant> = demands.iter().map(|demand| allocator.place(demand)).collect();
    for (demand, grant) in demands.iter().zip(&mut grants) {
        allocator.grow_context(demand, grant);
    }
    for (demand, grant) in demands.iter().zip(&mut grants) {
        allocator.add_slots(demand, grant);
    }
    let left = Bytes(allocator.budget.saturating_sub(allocator.spent));
    let mut engines: Vec<Option<Footprint>> = allocator
        .engines
        .iter()
        .map(|engine| (!engine.slots.is_empty()).then(|| engine.footprint()))
        .collect();
    let mut agents = vec![0; engines.len()];
    for (demand, grant) in demands.iter().zip(&grants) {
        agents[demand.engine] += usize::from(matches!(grant, Grant::Placed { .. }));
    }
    let used = engines
        .iter_mut()
        .zip(cost_models)
        .filter_map(|(engine, cost_model)| Some((engine.as_mut()?, cost_model)));
    let left = attention::choose(used, left);
    // The paper's rule counts neither preempted sequences nor prefixes, and embeddings have none.
    let exact = engines
        .iter_mut()
        .zip(agents)
        .zip(cost_models)
        .filter(|(_, cost_model)| cost_model.is_exact() && !cost_model.computes_embeddings());
    leftover::distribute(
        exact.filter_map(|((engine, agents), _)| Some((engine.as_mut()?, agents))),
        left,
    );
    Allocation { grants, engines }
}

/// The budget and the bytes allocated from it.
struct BudgetAllocator<'a> {
    engines: Vec<EngineState<'a>>,
    spent: u64,
    budget: u64,
}

struct EngineState<'a> {
    cost_model: &'a CostModel<'a>,
    slots: SlotsByContext,
    /// Snapshots of the placed agents' system prompts.
    prefix: Bytes,
    cost: u64,
}

impl EngineState<'_> {
    fn footprint(&self) -> Footprint {
        Footprint { prefix: self.prefix, ..self.cost_model.engine(&self.slots) }
    }
}

impl<'a> BudgetAllocator<'a> {
    fn new(cost_models: &'a [CostModel<'a>], budget: Bytes) -> Self {
        let engines = cost_models
            .iter()
            .map(|cost_model| EngineState {
                cost_model,
                slots: SlotsByContext::new(),
                prefix: Bytes::ZERO,
                cost: 0,
            })
            .collect();
        Self { engines, spent: 0, budget: budget.0 }
    }

    fn place(&mut self, demand: &Demand) -> Grant {
        let context = demand.contexts.last().copied().unwrap_or(MIN_CONTEXT);
        let before = self.engines[demand.engine].prefix;
        self.engines[demand.engine].prefix = Bytes(before.0.saturating_add(demand.prefix.0));
        match self.replace(demand.engine, None, (context, demand.floor)) {
            Ok(()) => Grant::Placed { slots: demand.floor, context },
            Err(needed) => {
                self.engines[demand.engine].prefix = before;
                Grant::Skipped {
                    needed: Bytes(needed),
                    left: Bytes(self.budget.saturating_sub(self.spent)),
                }
            }
        }
    }

    /// Grants the largest context that fits.
    fn grow_context(&mut self, demand: &Demand, grant: &mut Grant) {
        let Grant::Placed { slots, context } = grant else { return };
        for &wider in demand.contexts.iter().filter(|wider| **wider > *context) {
            if self.replace(demand.engine, Some((*context, *slots)), (wider, *slots)).is_ok() {
                *context = wider;
                return;
            }
        }
    }

    /// Grants the most slots that fit, by bisection: the cost is monotonic.
    fn add_slots(&mut self, demand: &Demand, grant: &mut Grant) {
        let Grant::Placed { slots, context } = grant else { return };
        let mut too_many = demand.target.saturating_add(1);
        let mut tried = demand.target;
        while too_many.saturating_sub(*slots) > 1 {
            if self.replace(demand.engine, Some((*context, *slots)), (*context, tried)).is_ok() {
                *slots = tried;
            } else {
                too_many = tried;
            }
            tried = *slots + (too_many - *slots) / 2;
        }
    }

    /// Replaces `old` (context, slots) of an engine by `new` if the budget allows it; otherwise
    /// fails with the additional bytes required.
    fn replace(
        &mut self,
        engine: usize,
        old: Option<(u64, u32)>,
        new: (u64, u32),
    ) -> Result<(), u64> {
        let state = &mut self.engines[engine];
        if let Some(old) = old {
            remove_slots(&mut state.slots, old);
        }
        *state.slots.entry(new.0).or_default() += u64::from(new.1);
        let cost = state.footprint().total().0;
        let others = self.spent - state.cost;
        if let Some(spent) = others.checked_add(cost).filter(|spent| *spent <= self.budget) {
            state.cost = cost;
            self.spent = spent;
            return Ok(());
        }
        remove_slots(&mut state.slots, new);
        if let Some((context, slots)) = old {
            *state.slots.entry(context).or_default() += u64::from(slots);
        }
        Err(cost.saturating_sub(state.cost))
    }
}

/// Removes slots that were added before.
fn remove_slots(slots: &mut SlotsByContext, (context, count): (u64, u32)) {
    if let Some(left) = slots.get_mut(&context) {
        *left = left.saturating_sub(count.into());
        if *left == 0 {
            slots.remove(&context);
        }
    }
}
