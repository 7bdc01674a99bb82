//! What the slots of a plan would cost if its agents related otherwise: what sharing saves.

use std::collections::BTreeMap;

use harmonic_perfmodel::aligned;
use harmonic_types::{Bytes, KvLayout, Plan, Sharing};

use crate::error::PlanError;
use crate::footprint::{Footprint, SlotsByContext};
use crate::input::{PlanOptions, PlannedModel};
use crate::plan::{identity, price};

/// Bytes of all engines if the placed agents of `plan` kept their slots and contexts and related
/// by `sharing`, without what is kept for parked sequences, conversations and the scores of plain
/// attention; whether that fits the budget does not matter here. `models` are those that the plan
/// was made from.
///
/// # Errors
/// When an agent's model is not among `models`, or not covered by the paper's rule.
pub fn same_slots(
    plan: &Plan,
    models: &BTreeMap<String, PlannedModel>,
    sharing: Sharing,
) -> Result<Bytes, PlanError> {
    let kv_type = plan.engines.first().map(|engine| engine.local().kv_type).unwrap_or_default();
    let options = PlanOptions { sharing, budget: plan.budget, kv_type, ..PlanOptions::default() };
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
            Sharing::Shared => identity(model),
        };
        groups.entry(group).or_default().push((agent, model));
    }
    let costs = groups.into_values().map(|members| -> Result<Bytes, PlanError> {
        let (first, model) = members[0];
        let mut slots = SlotsByContext::new();
        for (agent, _) in &members {
            *slots.entry(aligned(agent.context.0.into())).or_default() += u64::from(agent.slots);
        }
        let mut price = price(model, &first.name, &options, plan.max_in_flight)?;
        if let Some(layout) = layout_taken(plan, &model.name) {
            price = price.in_layout(layout);
        }
        let prefixes = members.iter().map(|(agent, _)| price.prefix(&agent.spec.system));
        let prefix = Bytes(prefixes.fold(0, |sum: u64, bytes| sum.saturating_add(bytes.0)));
        Ok(Footprint { prefix, ..price.engine(&slots) }.total())
    });
    costs.sum()
}

/// The layout that the plan's engine of `model` has because it is the faster: streams, unless the
/// other was measured to be.
fn layout_taken(plan: &Plan, model: &str) -> Option<KvLayout> {
    let engine = plan.engines.iter().find(|engine| engine.model == model)?;
    let config = plan.tuned.iter().find(|config| config.model == model);
    let faster = config.and_then(|config| config.kv_layout).unwrap_or(KvLayout::Streams);
    (engine.local().kv_layout == faster).then_some(faster)
}
