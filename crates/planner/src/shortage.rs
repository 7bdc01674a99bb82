//! What an allocation gave up, with the bytes that the budget lacks for it.
//!
//! The missing bytes are those of the whole way: a larger budget first brings back everything that
//! comes earlier in the order of [`crate::allocation`].

use harmonic_types::Bytes;

use crate::allocation::{EngineOptions, joined, smallest_team, with_full_contexts};
use crate::demand::Demand;
use crate::ladder::{Ladder, Step};
use crate::team_memory::{Share, TeamMemory};

/// Something given up; agents and engines as indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Slots of an agent.
    Slots {
        /// The agent.
        agent: usize,
        /// Slots that it has.
        planned: u32,
        /// Missing bytes for its target.
        more: Bytes,
    },
    /// The precision of an engine's KV cache.
    KvType {
        /// The engine.
        engine: usize,
        /// Missing bytes for the unquantised cache.
        more: Bytes,
    },
    /// Context of an agent.
    Context {
        /// The agent.
        agent: usize,
        /// Context that it has, in cells.
        planned: u64,
        /// Missing bytes for its full context.
        more: Bytes,
    },
    /// An agent.
    Agent {
        /// The agent.
        agent: usize,
        /// Missing bytes for its smallest share.
        more: Bytes,
    },
}

/// Shortages of a team: slots, KV types, contexts, agents; each in order of priority.
pub(crate) fn shortages(
    engines: &[EngineOptions<'_>],
    demands: &[Demand],
    order: &[usize],
    (team, quantised): (&TeamMemory<'_>, &[bool]),
    budget: Bytes,
) -> Vec<Shortage> {
    let lacking = |agent: usize| match team.share(agent) {
        None => true,
        Some(Share { slots, context }) => {
            slots < demands[agent].target || context < demands[agent].context
        }
    };
    if !(0..demands.len()).any(lacking) && !quantised.contains(&true) {
        return Vec::new();
    }
    let more = |total: u128| {
        let missing = total.saturating_sub(budget.0.into());
        Bytes(u64::try_from(missing).unwrap_or(u64::MAX))
    };
    let complete = complete(engines, demands, order);
    let placed = || {
        let shares = team.shares().iter().enumerate();
        shares.filter_map(|(agent, share)| Some((agent, (*share)?)))
    };
    let slots = placed().filter(|(agent, share)| share.slots < demands[*agent].target);
    let slots = slots.map(|(agent, Share { slots: planned, .. })| Shortage::Slots {
        agent,
        planned,
        more: more(complete.slots[agent]),
    });
    let contexts = placed().filter(|(agent, share)| share.context < demands[*agent].context);
    let contexts = contexts.map(|(agent, Share { context: planned, .. })| Shortage::Context {
        agent,
        planned,
        more: more(complete.contexts[demands[agent].engine]),
    });
    let mut all: Vec<Shortage> = slots.collect();
    all.extend(kv_types(engines, demands, order, quantised, more));
    all.extend(contexts);
    joined(engines, demands, order, |agent, total| {
        if team.share(agent).is_none() {
            all.push(Shortage::Agent { agent, more: more(total) });
        }
        true
    });
    all
}

/// The first engine's cache is the last to be quantised, and the last engine's the last to be
/// unquantised.
fn kv_types(
    engines: &[EngineOptions<'_>],
    demands: &[Demand],
    order: &[usize],
    quantised: &[bool],
    more: impl Fn(u128) -> Bytes,
) -> Vec<Shortage> {
    let mut team = with_full_contexts(engines, demands, order, quantised);
    let mut shortages = Vec::new();
    for (engine, options) in engines.iter().enumerate().filter(|(engine, _)| quantised[*engine]) {
        team.set_cost(engine, &options.cost);
        shortages.push(Shortage::KvType { engine, more: more(team.total()) });
    }
    shortages
}

/// Bytes of the complete, unquantised team where something is first reached.
struct Complete {
    /// The full contexts, by engine.
    contexts: Vec<u128>,
    /// The target of slots, by agent.
    slots: Vec<u128>,
}

fn complete(engines: &[EngineOptions<'_>], demands: &[Demand], order: &[usize]) -> Complete {
    let unquantised = vec![false; engines.len()];
    let mut team = smallest_team(engines, demands, order, &unquantised);
    let ladder = Ladder::new(engines, demands, &team);
    let mut reached = Complete {
        contexts: vec![team.total(); engines.len()],
        slots: vec![team.total(); demands.len()],
    };
    ladder.climb(&mut team, u128::MAX, |step, total| match step {
        Step::Contexts { engine, .. } => reached.contexts[engine] = total,
        Step::Slots { agent, .. } => reached.slots[agent] = total,
        Step::Plain { .. } => {}
    });
    reached
}
