//! KV cache layout of each engine, and the cost of both layouts.
//!
//! In a unified cache every sequence attends over the cells of all sequences: seven agents with
//! different contexts decoded less than half as fast as in streams (`make bench-contexts`). An
//! engine therefore uses streams, or the layout measured to be faster on this machine, wherever no
//! grant is reduced by that; else the cheaper layout.
//!
//! Invariant: does not reduce any grant.

use harmonic_perfmodel::aligned;
use harmonic_types::{BudgetRule, Bytes, EnginePlan, KvLayout, Plan, TunedConfig};

use crate::cost_model::{CostModel, SlotsByContext};
use crate::input::PlannedModel;

/// Layout to use if no grant is reduced by it; `None` under a budget rule without layouts.
pub(crate) fn preferred_layout(
    config: Option<&TunedConfig>,
    cost_model: &CostModel<'_>,
) -> Option<KvLayout> {
    let measured = config.and_then(|config| config.kv_layout);
    measured.or_else(|| cost_model.is_exact().then_some(KvLayout::Streams))
}

/// Memory of an engine in either layout, without snapshots, preempted sequences and the scores of
/// plain attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutCosts {
    /// With one stream per sequence.
    pub streams: Bytes,
    /// With a unified cache.
    pub unified: Bytes,
}

/// Costs of `engine` of `plan` with its agents' slots, in both layouts; `None` for one that has no
/// choice. `model` is the model that it was planned with.
pub fn layout_costs(plan: &Plan, engine: &EnginePlan, model: &PlannedModel) -> Option<LayoutCosts> {
    let kv_type = engine.local()?.kv_type;
    let cost_model = CostModel::of(model, BudgetRule::Exact, kv_type, plan.max_in_flight)?;
    let mut slots = SlotsByContext::new();
    for agent in plan.agents.iter().filter(|agent| agent.engine.as_ref() == Some(&engine.id)) {
        *slots.entry(aligned(agent.context.0.into())).or_default() += u64::from(agent.slots);
    }
    let total = |layout| cost_model.engine_in(layout, &slots).total();
    Some(LayoutCosts { streams: total(KvLayout::Streams), unified: total(KvLayout::Unified) })
}
