//! Plan entry of one agent, with the reason where it was granted less than requested.

use harmonic_types::{AgentPlan, AgentStatus, Bytes, Trade};

use super::{Draft, PlacedEngine, tokens};
use crate::demand::Demand;
use crate::plan::Agent;
use crate::team_memory::Share;

impl Draft<'_> {
    /// Agents in the order of the stack.
    pub(super) fn agent_plans(
        &self,
        shares: &[Option<Share>],
        engines: &[Option<PlacedEngine<'_>>],
        trades: &[Trade],
    ) -> Vec<AgentPlan> {
        let drafts = self.agents.iter().zip(&self.demands).zip(shares);
        let mut plans: Vec<(usize, AgentPlan)> = drafts
            .map(|((agent, demand), share)| {
                let placed = share.zip(engines[demand.engine].as_ref());
                (agent.position, agent_plan(agent, demand, placed, trades))
            })
            .collect();
        plans.sort_by_key(|(position, _)| *position);
        plans.into_iter().map(|(_, plan)| plan).collect()
    }
}

fn agent_plan(
    agent: &Agent<'_>,
    demand: &Demand,
    placed: Option<(Share, &PlacedEngine<'_>)>,
    trades: &[Trade],
) -> AgentPlan {
    let spec = agent.spec;
    let reason = reason(agent, demand, trades);
    let skipped = AgentPlan {
        name: spec.name.clone(),
        tier: spec.tier,
        model: spec.model.clone(),
        engine: None,
        slots: 0,
        context: spec.context,
        leaves_machine: false,
        kv_bytes: Bytes::ZERO,
        memory_bytes: Bytes::ZERO,
        status: AgentStatus::Skipped,
        reason: reason.clone(),
        spec: spec.clone(),
    };
    let Some((Share { slots, context }, engine)) = placed else { return skipped };
    let context = engine.common_context().unwrap_or(context);
    let kv = engine.cost.slots_kv(slots, context);
    let own_weights = if engine.agents.len() == 1 { engine.footprint.weights } else { Bytes::ZERO };
    AgentPlan {
        engine: Some(engine.id.clone()),
        leaves_machine: agent.engine.leaves_machine(),
        slots,
        context: tokens(context),
        kv_bytes: kv,
        memory_bytes: Bytes(own_weights.0.saturating_add(kv.0)),
        status: match reason {
            None => AgentStatus::Planned,
            Some(_) => AgentStatus::Degraded,
        },
        ..skipped
    }
}

/// What the agent gave up, and the limit of its model; `None` if it has everything.
fn reason(agent: &Agent<'_>, demand: &Demand, trades: &[Trade]) -> Option<String> {
    let own = trades.iter().filter(|trade| trade.agent() == Some(&agent.spec.name));
    let mut reasons: Vec<String> = own.map(ToString::to_string).collect();
    if demand.context < u64::from(agent.spec.context.0) {
        reasons.push(format!(
            "context limited to the {} tokens that `{}` was trained for",
            agent.model.shape.context_trained, agent.model.name
        ));
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}
