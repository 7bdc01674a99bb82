//! Memory of a plan's slots under another sharing mode, and so the memory saved by sharing.

use std::collections::BTreeMap;

use harmonic_perfmodel::aligned;
use harmonic_types::{Bytes, KvLayout, Plan, Sharing};

use crate::cost_model::{SlotsByContext, prefix_tokens};
use crate::error::PlanError;
use crate::footprint::Footprint;
use crate::input::{PlanOptions, PlannedModel};
use crate::plan::{cost_model, model_identity};
use crate::runtime::Runtime;

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
    let placed = plan.agents.iter().filter_map(|agent| Some((agent, plan.engine_of(agent)?)));
    let mut groups: BTreeMap<(&str, Runtime), Vec<_>> = BTreeMap::new();
    for (agent, engine) in placed {
        let runtime = Runtime::of_spec(&engine.spec);
        if runtime == Runtime::Elsewhere {
            continue;
        }
        let model = models.get(&agent.model).ok_or_else(|| PlanError::UnknownModel {
            agent: agent.name.clone(),
            model: agent.model.clone(),
            known: models.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        })?;
        let group = match sharing {
            Sharing::Isolated => agent.name.0.as_str(),
            Sharing::Shared => model_identity(model),
        };
        groups.entry((group, runtime)).or_default().push((agent, model, engine));
    }
    let costs = groups.into_iter().map(|((_, runtime), members)| -> Result<Bytes, PlanError> {
        let (first, model, engine) = members[0];
        let mut slots = SlotsByContext::new();
        for (agent, ..) in &members {
            *slots.entry(aligned(agent.context.0.into())).or_default() += u64::from(agent.slots);
        }
        let (budget, kv_type) = (plan.budget, engine.kv_type());
        let options = PlanOptions { sharing, budget, kv_type, ..PlanOptions::default() };
        let (name, most) = (&first.name, plan.max_in_flight);
        let mut cost_model = cost_model(model, name, runtime, &options, most)?;
        if let Some(layout) = faster_layout(plan, &model.name)
            && runtime == Runtime::InProcess
        {
            cost_model = cost_model.with_layout(layout);
        }
        let prefixes = members
            .iter()
            .map(|(agent, ..)| cost_model.snapshot(prefix_tokens(&agent.spec.system)));
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
    (engine.kv_layout() == Some(faster)).then_some(faster)
}
