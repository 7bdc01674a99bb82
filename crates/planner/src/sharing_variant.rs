//! Memory of a plan's slots under another sharing mode, and so the memory saved by sharing.

use std::collections::BTreeMap;

use harmonic_perfmodel::aligned;
use harmonic_types::{AgentPlan, Bytes, KvLayout, Plan, Sharing};

use crate::cost_model::{SlotsByContext, prefix_tokens};
use crate::error::PlanError;
use crate::footprint::Footprint;
use crate::input::{PlanOptions, PlannedModel};
use crate::plan::{cost_model, model_identity};

/// Bytes of all engines if the placed agents of `plan` kept their slots and contexts under
/// `sharing`, without preempted sequences, conversations and the scores of plain attention; may
/// exceed the budget. `models` are those that the plan was made from.
///
/// # Errors
/// When an agent's model is not among `models`, or not covered by the paper's rule.
pub fn memory_with_sharing(
    plan: &Plan,
    models: &BTreeMap<String, PlannedModel>,
    sharing: Sharing,
) -> Result<Bytes, PlanError> {
    let kv_type = |agent: &AgentPlan| {
        let engine = plan.engines.iter().find(|engine| agent.engine.as_ref() == Some(&engine.id));
        engine.map(|engine| engine.local().kv_type)
    };
    let placed = plan.agents.iter().filter(|agent| agent.engine.is_some());
    let mut groups: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for agent in placed {
        let model = models.get(&agent.model).ok_or_else(|| PlanError::UnknownModel {
            agent: agent.name.clone(),
            model: agent.model.clone(),
            known: models.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        })?;
        let group = match sharing {
            Sharing::Isolated => agent.name.0.as_str(),
            Sharing::Shared => model_identity(model),
        };
        groups.entry(group).or_default().push((agent, model));
    }
    let costs = groups.into_values().map(|members| -> Result<Bytes, PlanError> {
        let (first, model) = members[0];
        let mut slots = SlotsByContext::new();
        for (agent, _) in &members {
            *slots.entry(aligned(agent.context.0.into())).or_default() += u64::from(agent.slots);
        }
        let (budget, kv_type) = (plan.budget, kv_type(first));
        let options = PlanOptions { sharing, budget, kv_type, ..PlanOptions::default() };
        let mut cost_model = cost_model(model, &first.name, &options, plan.max_in_flight)?;
        if let Some(layout) = faster_layout(plan, &model.name) {
            cost_model = cost_model.with_layout(layout);
        }
        let prefixes =
            members.iter().map(|(agent, _)| cost_model.snapshot(prefix_tokens(&agent.spec.system)));
        let prefix = Bytes(prefixes.fold(0, |sum: u64, bytes| sum.saturating_add(bytes.0)));
        Ok(Footprint { prefix, ..cost_model.engine(&slots) }.total())
    });
    costs.sum()
}

/// Layout of the plan's engine of `model` if it was chosen for speed (streams, unless the other was
/// measured to be faster); `None` if it was chosen for cost.
fn faster_layout(plan: &Plan, model: &str) -> Option<KvLayout> {
    let engine = plan.engines.iter().find(|engine| engine.model == model)?;
    let config = plan.tuned.iter().find(|config| config.model == model);
    let faster = config.and_then(|config| config.kv_layout).unwrap_or(KvLayout::Streams);
    (engine.local().kv_layout == faster).then_some(faster)
}
