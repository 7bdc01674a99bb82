//! One agent's line of the plan, with the reason where it got less than it asks.

use harmonic_types::{AgentPlan, AgentStatus, Bytes, Tokens};

use super::{Draft, Named};
use crate::allocation::{Demand, Share};
use crate::plan::Agent;

impl Draft<'_> {
    /// Agents in the order of the stack.
    pub(super) fn agent_plans(
        &self,
        shares: &[Share],
        engines: &[Option<Named<'_>>],
    ) -> Vec<AgentPlan> {
        let drafts = self.agents.iter().zip(&self.wishes).zip(shares);
        let mut plans: Vec<(usize, AgentPlan)> = drafts
            .map(|((agent, wish), share)| {
                let engine = engines[wish.engine].as_ref();
                (agent.position, self.agent_plan(agent, wish, *share, engine))
            })
            .collect();
        plans.sort_by_key(|(position, _)| *position);
        plans.into_iter().map(|(_, plan)| plan).collect()
    }

    fn agent_plan(
        &self,
        agent: &Agent<'_>,
        wish: &Demand,
        share: Share,
        engine: Option<&Named<'_>>,
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
        match (share, engine) {
            (Share::Placed { slots, context }, Some(engine)) => {
                let kv = self.pricings[wish.engine].slots_kv(slots, context);
                let own_weights =
                    if engine.agents.len() == 1 { engine.footprint.weights } else { Bytes::ZERO };
                let reason = shortfall(agent, wish, slots, context);
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
            (Share::Skipped { needed, left }, _) => {
                AgentPlan { reason: Some(skipped(wish, needed, left)), ..blank }
            }
            (Share::Placed { .. }, None) => blank,
        }
    }
}

/// What a placed agent lacks of what it asks; `None` when nothing.
fn shortfall(agent: &Agent<'_>, wish: &Demand, slots: u32, context: u64) -> Option<String> {
    let mut lacks = Vec::new();
    let most = wish.contexts.first().copied().unwrap_or(context);
    if context < most {
        lacks.push(format!("context {context} instead of {most}"));
    }
    if slots < wish.target {
        lacks.push(format!("{} instead of {}", counted(slots), wish.target));
    }
    let mut reasons = Vec::new();
    if !lacks.is_empty() {
        reasons.push(format!("{}: the memory budget holds no more", lacks.join(" and ")));
    }
    if most < u64::from(agent.spec.context.0) {
        reasons.push(format!(
            "context limited to the {} tokens that `{}` was trained for",
            agent.model.shape.context_trained, agent.model.name
        ));
    }
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn skipped(wish: &Demand, needed: Bytes, left: Bytes) -> String {
    let context = wish.contexts.last().copied().unwrap_or_default();
    format!(
        "not placed: {} of context {context}, the least it is given, {} {needed} more and the \
         budget has {left} left",
        counted(wish.floor),
        if wish.floor == 1 { "needs" } else { "need" }
    )
}

fn counted(slots: u32) -> String {
    format!("{slots} {}", if slots == 1 { "slot" } else { "slots" })
}

/// Cells as tokens; contexts come from a `u32` rounded up, so only the very largest saturates.
fn tokens(cells: u64) -> Tokens {
    Tokens(u32::try_from(cells).unwrap_or(u32::MAX))
}
