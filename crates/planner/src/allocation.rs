//! Allocation of a memory budget to the agents of a stack.
//!
//! An agent below its useful context is worthless, and one that is left out serves nobody; slots are
//! rights to sequences that are lent anyway. So, in this order, a smaller budget gives up
//! 1. **slots**, down to half of each agent's quota, at least one;
//! 2. **precision of the KV cache**, `q8_0` instead of `f16`, engine by engine from the last up,
//!    where its divergence was measured on this machine and is within bounds;
//! 3. **context**, down to each agent's smallest one;
//! 4. **agents**, by tier from the last up (`join_order.rs`).
//!
//! Computed from the other end:
//! 1. The *members* are the longest beginning of the join order that fits with everything given up:
//!    smallest contexts, quantised caches, every member's floor of slots ([`Demand::floor`]), and one
//!    slot of the last member. So an agent joins only if those present keep half of their quotas.
//! 2. The *KV types* are those with the fewest quantised engines with which the members' full
//!    contexts fit at these slots; all quantised, if none does.
//! 3. The *shares* are the furthest that fit on the ladder (`ladder.rs`): contexts, then slots. While an agent
//!    is left out, slots stop at twice the floor (`Demand::cap`).
//!
//! Neither the join order nor the ladder depends on the budget. Hence, with a growing budget the
//! members only increase, and with the same members and KV types no agent's context, then slots,
//! decreases.
//!
//! The rest of the budget is then spent on performance: layouts (`kv_layout.rs`), attention
//! (`attention.rs`), sequences to lend (`lending.rs`), and saved states (`leftover.rs`).
//!
//! Does not do: decide how many slots an agent should have ([`crate::slot_targets`]); name engines or give
//! reasons ([`crate::plan()`]). The figures of what was given up
//! are in [`crate::shortage`].

use harmonic_types::{Bytes, KvLayout};

use crate::cost_model::CostModel;
use crate::demand::Demand;
use crate::footprint::Footprint;
use crate::join_order::join_order;
use crate::ladder::Ladder;
use crate::shortage::{Shortage, shortages};
use crate::team_memory::{Share, TeamMemory};
use crate::{attention, leftover, lending};

/// Cost models of one engine.
#[derive(Clone, Debug)]
pub struct EngineOptions<'a> {
    /// With the KV type of the plan.
    pub cost: CostModel<'a>,
    /// With a quantised KV cache, where that may be used.
    pub quantised: Option<CostModel<'a>>,
    /// Layout to use if no grant is reduced by it; `None` for the cheaper one.
    pub layout: Option<KvLayout>,
}

impl<'a> EngineOptions<'a> {
    /// The cost model with or without a quantised KV cache.
    pub(crate) fn cost_of(&self, is_quantised: bool) -> &CostModel<'a> {
        self.quantised.as_ref().filter(|_| is_quantised).unwrap_or(&self.cost)
    }

    /// Whether plain attention is to be used, if its scores fit.
    pub(crate) fn plain_preferred(&self) -> bool {
        self.cost.prefers_plain() && self.layout == Some(KvLayout::Streams)
    }
}

/// Allocated engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EngineGrant {
    /// Its memory.
    pub footprint: Footprint,
    /// Whether its KV cache is quantised by the allocation.
    pub is_quantised: bool,
}

/// Shares of all agents, memory of all engines, and what was given up.
#[derive(Clone, Debug)]
pub struct Allocation {
    /// One per demand; `None` for an agent that is left out.
    pub shares: Vec<Option<Share>>,
    /// One per engine; `None` for one without agents.
    pub engines: Vec<Option<EngineGrant>>,
    /// What was given up, in the order of [`crate::allocation`].
    pub shortages: Vec<Shortage>,
    /// Demand of the first agent that would be placed.
    pub first: usize,
}

/// Allocates `budget` to `demands`, given in order of priority: by tier, then as in the stack.
pub fn allocate(engines: &[EngineOptions<'_>], demands: &[Demand], budget: Bytes) -> Allocation {
    let order = join_order(engines, demands);
    let members = members(engines, demands, &order, budget);
    let quantised = quantised(engines, demands, members, budget);
    let mut team = smallest_team(engines, demands, members, &quantised);
    Ladder::new(engines, demands, &team).climb(&mut team, budget.0.into(), |_, _| {});
    let footprints = footprints(engines, &team, &quantised, budget);
    let shortages = shortages(engines, demands, &order, (&team, &quantised), budget);
    let grants = footprints.into_iter().zip(&quantised).map(|(footprint, is_quantised)| {
        footprint.map(|footprint| EngineGrant { footprint, is_quantised: *is_quantised })
    });
    Allocation {
        shares: team.shares().to_vec(),
        engines: grants.collect(),
        shortages,
        first: order.first().copied().unwrap_or_default(),
    }
}

/// Cost model of each engine with these KV caches quantised.
pub(crate) fn costs<'a>(
    engines: &'a [EngineOptions<'a>],
    quantised: &'a [bool],
) -> impl Iterator<Item = &'a CostModel<'a>> {
    engines.iter().zip(quantised).map(|(engine, is_quantised)| engine.cost_of(*is_quantised))
}

/// Smallest share of a member.
fn smallest(demand: &Demand, is_last: bool) -> Share {
    let slots = if is_last { 1 } else { demand.floor };
    Share { slots, context: demand.min_context }
}

/// The beginning of `order` that can be placed within `budget` when everything else is given up.
fn members<'o>(
    engines: &[EngineOptions<'_>],
    demands: &[Demand],
    order: &'o [usize],
    budget: Bytes,
) -> &'o [usize] {
    let mut fits = 0;
    joined(engines, demands, order, |_, total| {
        let is_within = total <= budget.0.into();
        fits += usize::from(is_within);
        is_within
    });
    &order[..fits]
}

/// Lets the agents of `order` join one by one, each with its smallest share, with quantised caches.
/// `next` sees each with the total of the team, and ends it by returning false.
pub(crate) fn joined(
    engines: &[EngineOptions<'_>],
    demands: &[Demand],
    order: &[usize],
    mut next: impl FnMut(usize, u128) -> bool,
) {
    let all = vec![true; engines.len()];
    let mut team = TeamMemory::new(demands, costs(engines, &all));
    let mut last = None;
    for &agent in order {
        if let Some(previous) = last.replace(agent) {
            team.set([(previous, smallest(&demands[previous], false))]);
        }
        team.set([(agent, smallest(&demands[agent], true))]);
        if !next(agent, team.total()) {
            return;
        }
    }
}

/// The members with their smallest shares.
pub(crate) fn smallest_team<'a>(
    engines: &'a [EngineOptions<'a>],
    demands: &'a [Demand],
    members: &[usize],
    quantised: &'a [bool],
) -> TeamMemory<'a> {
    let mut team = TeamMemory::new(demands, costs(engines, quantised));
    for (at, agent) in members.iter().enumerate() {
        team.set([(*agent, smallest(&demands[*agent], at + 1 == members.len()))]);
    }
    team
}

/// Whether the KV cache of each engine is quantised: the fewest with which the members' full contexts
/// fit, from the last engine up.
fn quantised(
    engines: &[EngineOptions<'_>],
    demands: &[Demand],
    members: &[usize],
    budget: Bytes,
) -> Vec<bool> {
    let mut quantised = vec![false; engines.len()];
    let none = quantised.clone();
    let mut team = with_full_contexts(engines, demands, members, &none);
    for (engine, options) in engines.iter().enumerate().rev() {
        if team.total() <= budget.0.into() {
            break;
        }
        if let (Some(cost), Some(_)) = (&options.quantised, team.footprint(engine)) {
            team.set_cost(engine, cost);
            quantised[engine] = true;
        }
    }
    quantised
}

/// The members with full contexts and their smallest slots.
pub(crate) fn with_full_contexts<'a>(
    engines: &'a [EngineOptions<'a>],
    demands: &'a [Demand],
    members: &[usize],
    quantised: &'a [bool],
) -> TeamMemory<'a> {
    let mut team = smallest_team(engines, demands, members, quantised);
    for agent in members {
        if let Some(share) = team.share(*agent) {
            team.set([(*agent, Share { context: demands[*agent].context, ..share })]);
        }
    }
    team
}

/// Memory of each engine of the team, with the rest of the budget spent on performance.
fn footprints(
    engines: &[EngineOptions<'_>],
    team: &TeamMemory<'_>,
    quantised: &[bool],
    budget: Bytes,
) -> Vec<Option<Footprint>> {
    let mut footprints: Vec<_> = (0..engines.len()).map(|engine| team.footprint(engine)).collect();
    let spent = u64::try_from(team.total()).unwrap_or(u64::MAX);
    let mut left = Bytes(budget.0.saturating_sub(spent));
    for (engine, options) in engines.iter().enumerate() {
        let Some(layout) = options.layout else { continue };
        let (Some(current), Some(other)) =
            (&mut footprints[engine], team.footprint_in(engine, layout))
        else {
            continue;
        };
        if current.layout == layout {
            continue;
        }
        let (was, is) = (current.total(), other.total());
        if is <= was + left {
            left = (was + left).saturating_sub(is);
            *current = other;
        }
    }
    let costs: Vec<_> = costs(engines, quantised).collect();
    left = attention::choose(used(&mut footprints, &costs), left);
    // Requests for embeddings run in no sequence.
    let slots = team.generating().map(|share| u64::from(share.slots)).sum();
    left = lending::add_sequences(used(&mut footprints, &costs).collect(), slots, left);
    let agents = team.generating().count();
    // The paper's rule counts neither preempted sequences nor prefixes.
    let exact = used(&mut footprints, &costs).filter(|(_, cost)| cost.is_exact() && cost.retains());
    leftover::distribute(exact.map(|(footprint, _)| footprint), agents > 1, left);
    footprints
}

/// Engines with agents.
fn used<'f, 'a>(
    footprints: &'f mut [Option<Footprint>],
    costs: &'f [&'a CostModel<'a>],
) -> impl Iterator<Item = (&'f mut Footprint, &'a CostModel<'a>)> {
    let all = footprints.iter_mut().zip(costs);
    all.filter_map(|(footprint, cost)| Some((footprint.as_mut()?, *cost)))
}
