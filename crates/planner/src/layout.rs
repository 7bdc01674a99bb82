//! Which layout the KV cache of each engine has, and what both would cost.
//!
//! In a pool every sequence attends over what all of them hold: a team of seven whose contexts
//! differ decoded less than half as fast as in streams (`make bench-contexts`). So an engine gets
//! streams, or what was measured to be the faster on this machine, wherever that leaves every agent
//! its place, slots and context; else the cheaper of both.
//!
//! Invariant: takes nothing from the objective.

use harmonic_perfmodel::aligned;
use harmonic_types::{BudgetRule, Bytes, EnginePlan, KvLayout, Plan, TunedConfig};

use crate::footprint::{Pricing, SlotsByContext};
use crate::input::PlannedModel;

/// The layout that an engine should have if that costs nobody anything; `None` where the rule of the
/// budget knows of none.
pub(crate) fn preferred(config: Option<&TunedConfig>, pricing: &Pricing<'_>) -> Option<KvLayout> {
    let measured = config.and_then(|config| config.kv_layout);
    measured.or_else(|| pricing.is_exact().then_some(KvLayout::Streams))
}

/// What an engine takes in either layout, snapshots, parked sequences and the scores of plain
/// attention apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutCosts {
    /// In streams.
    pub streams: Bytes,
    /// In one pool.
    pub unified: Bytes,
}

/// What `engine` of `plan` takes in either layout with the slots that its agents have. `model` is the
/// one it was planned with.
pub fn layout_costs(plan: &Plan, engine: &EnginePlan, model: &PlannedModel) -> Option<LayoutCosts> {
    let pricing =
        Pricing::of(model, BudgetRule::Exact, engine.local().kv_type, plan.max_in_flight)?;
    let mut slots = SlotsByContext::new();
    for agent in plan.agents.iter().filter(|agent| agent.engine.as_ref() == Some(&engine.id)) {
        *slots.entry(aligned(agent.context.0.into())).or_default() += u64::from(agent.slots);
    }
    let total = |layout| pricing.engine_in(layout, &slots).total();
    Some(LayoutCosts { streams: total(KvLayout::Streams), unified: total(KvLayout::Unified) })
}
