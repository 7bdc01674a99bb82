//! Plan entry of one agent, with the reason where it was granted less than requested.

use harmonic_types::{AgentPlan, AgentStatus, Bytes, Tokens};

use super::{Draft, PlacedEngine};
use crate::allocation::{Demand, Grant};
use crate::plan::Agent;

impl Draft<'_> {
    /// Agents in the order of the stack.
    pub(super) fn agent_plans(
        &self,
        grants: &[Grant],
        engines: &[Option<PlacedEngine<'_>>],
    ) -> Vec<AgentPlan> {
        let drafts = self.agents.iter().zip(&self.demands).zip(grants);
        let mut plans: Vec<(usize, AgentPlan)> = drafts
            .map(|((agent, demand), grant)| {
                let engine = engines[demand.engine].as_ref();
                (agent.position, self.agent_plan(agent, demand, *grant, engine))
            })
            .collect();
        plans.sort_by_key(|(position, _)| *position);
        plans.into_iter().map(|(_, plan)| plan).collect()
    }

    fn agent_plan(
        &self,
        agent: &Agent<'_>,
        demand: &Demand,
        grant: Grant,
        engine: Option<&PlacedEngine<'_>>,
    ) -> AgentPlan {
        let spec = agent.spec;
        let blank = AgentPlan {
            name: spec.name.clone(),
            tier: spec.tier,
            model: spec.model.clone(),
            engine: None,
            slots: 0,
            context: spec.context,
            kv_bytes: Bytes::ZERO,
            memory_bytes: Bytes::ZERO,
            status: AgentStatus::Skipped,
            reason: None,
            spec: spec.clone(),
        };
        match (grant, engine) {
            (Grant::Placed { slots, context }, Some(engine)) => {
                let kv = self.cost_models[demand.engine].slots_kv(slots, context);
                let own_weights =
                    if engine.agents.len() == 1 { engine.footprint.weights } else { Bytes::ZERO };
                let reason = shortfall(agent, demand, slots, context);
                AgentPlan {
                    engine: Some(engine.id.clone()),
                    slots,
                    context: tokens(context),
                    kv_bytes: kv,
                    memory_bytes: Bytes(own_weights.0.saturating_add(kv.0)),
                    status: match reason {
                        None => AgentStatus::Planned,
                        Some(_) => AgentStatus::Degraded,
                    },
                    reason,
                    ..blank
                }
            }
            (Grant::Skipped { needed, left }, _) => {
                AgentPlan { reason: Some(skipped(demand, needed, left)), ..blank }
            }
            (Grant::Placed { .. }, None) => blank,
        }
    }
}

/// Reason why a placed agent has less than requested; `None` if it has everything.
fn shortfall(agent: &Agent<'_>, demand: &Demand, slots: u32, context: u64) -> Option<String> {
    let mut reduced = Vec::new();
    let most = demand.contexts.first().copied().unwrap_or(context);
    if context < most {
        reduced.push(format!("context {context} instead of {most}"));
    }
    if slots < demand.target {
        reduced.push(format!("{} instead of {}", slot_count(slots), demand.target));
    }
    let mut reasons = Vec::new();
    if !reduced.is_empty() {
        reasons.push(format!("{}: limited by the memory budget", reduced.join(" and ")));
    }
    if most < u64::from(agent.spec.context.0) {
        reasons.push(format!(
            "context limited to the {} tokens that `{}` was trained for",
            agent.model.shape.context_trained, agent.model.name
        ));
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn skipped(demand: &Demand, needed: Bytes, left: Bytes) -> String {
    let context = demand.contexts.last().copied().unwrap_or_default();
    format!(
        "not placed: the minimum of {} of context {context} needs {needed} more and the budget has \
         {left} left",
        slot_count(demand.floor)
    )
}

fn slot_count(slots: u32) -> String {
    format!("{slots} {}", if slots == 1 { "slot" } else { "slots" })
}

/// Cells as tokens, saturating; contexts are a rounded-up `u32`, so only the very largest saturates.
fn tokens(cells: u64) -> Tokens {
    Tokens(u32::try_from(cells).unwrap_or(u32::MAX))
}
