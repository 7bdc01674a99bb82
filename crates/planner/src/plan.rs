//! Planning: hardware, stack and models to a plan.

use std::collections::BTreeMap;

use harmonic_perfmodel::aligned;
use harmonic_types::{AgentName, AgentSpec, Curve, Hardware, ModelShape, Plan, Sharing, StackSpec};

use crate::allocation::{Allocation, Demand, Grant, MIN_CONTEXT, allocate};
use crate::concurrency::parallelism;
use crate::cost_model::CostModel;
use crate::document::{Draft, EngineDraft};
use crate::error::PlanError;
use crate::input::{PlanOptions, PlannedModel};
use crate::layout::preferred_layout;
use crate::targets::{floor, target};
use crate::tuned::best_config;

/// Plans `stack` on `hardware`. The keys of `models` are the model names used by the agents.
///
/// # Errors
/// When an agent's model is unknown or not covered by the paper's rule, or nothing fits.
pub fn plan(
    hardware: &Hardware,
    stack: &StackSpec,
    models: &BTreeMap<String, PlannedModel>,
    options: &PlanOptions,
    curves: &[Curve],
) -> Result<Plan, PlanError> {
    if stack.agents.is_empty() {
        return Err(PlanError::NoAgents { stack: stack.name.clone() });
    }
    let device = hardware
        .devices
        .first()
        .ok_or_else(|| PlanError::NoDevice { profile: hardware.profile.clone() })?;
    let agents = by_priority(stack, models)?;
    let generating = agents.iter().map(|agent| agent.model).filter(|model| !embeds(model));
    let parallelism = parallelism(hardware, generating, curves);
    let in_flight = parallelism.max_in_flight.sequences;

    let (engines, of_agent) = engines(&agents, options.sharing);
    let mut cost_models = engines
        .iter()
        .map(|engine| {
            let cost_model = cost_model(engine.model, &engine.first.name, options, in_flight)?;
            Ok(cost_model.for_device(device))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let demands: Vec<Demand> = agents
        .iter()
        .zip(of_agent)
        .map(|(agent, engine)| {
            let target = target(agent.spec.tier, parallelism.peak.sequences);
            let contexts = contexts(agent.spec, &agent.model.shape);
            let prefix = cost_models[engine].prefix(&agent.spec.system);
            Demand { engine, target, floor: floor(target), contexts, prefix }
        })
        .collect();
    let mut allocation = allocate(&cost_models, &demands, hardware.memory_budget_bytes);
    if let Some(error) = nothing_fits(&agents, &allocation.grants, hardware) {
        return Err(error);
    }
    for (index, engine) in engines.iter().enumerate() {
        let config = best_config(hardware, engine.model, &options.tuned);
        let Some(layout) = preferred_layout(config, &cost_models[index]) else { continue };
        let mut faster = cost_models.clone();
        faster[index] = faster[index].clone().with_layout(layout);
        let tried = allocate(&faster, &demands, hardware.memory_budget_bytes);
        if same_grants(&tried, &allocation) {
            (cost_models, allocation) = (faster, tried);
        }
    }
    let draft = Draft {
        hardware,
        stack,
        options,
        parallelism,
        device,
        agents,
        engines,
        cost_models,
        demands,
    };
    Ok(draft.into_plan(&allocation))
}

/// Cost model of an engine for `model`, whose first agent is `agent`.
pub(crate) fn cost_model<'a>(
    model: &'a PlannedModel,
    agent: &AgentName,
    options: &PlanOptions,
    max_in_flight: u32,
) -> Result<CostModel<'a>, PlanError> {
    CostModel::of(model, options.budget, options.kv_type, max_in_flight).ok_or_else(|| {
        PlanError::NoPaperFigures { agent: agent.clone(), model: model.name.clone() }
    })
}

/// An agent with its model and its position in the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agent<'a> {
    pub(crate) position: usize,
    pub(crate) spec: &'a AgentSpec,
    pub(crate) model: &'a PlannedModel,
}

/// Agents from tier 1 down, in the order of the stack within a tier.
pub(crate) fn by_priority<'a>(
    stack: &'a StackSpec,
    models: &'a BTreeMap<String, PlannedModel>,
) -> Result<Vec<Agent<'a>>, PlanError> {
    let mut agents = stack
        .agents
        .iter()
        .enumerate()
        .map(|(position, spec)| match models.get(&spec.model) {
            Some(model) => Ok(Agent { position, spec, model }),
            None => Err(PlanError::UnknownModel {
                agent: spec.name.clone(),
                model: spec.model.clone(),
                known: models.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    agents.sort_by_key(|agent| agent.spec.tier);
    Ok(agents)
}

/// Identity of a base model: its digest, where known, else its name.
pub(crate) fn model_identity(model: &PlannedModel) -> &str {
    model.digest.as_ref().unwrap_or(&model.name)
}

/// Engines required by `sharing`, and the index of each agent's engine.
fn engines<'a>(agents: &[Agent<'a>], sharing: Sharing) -> (Vec<EngineDraft<'a>>, Vec<usize>) {
    let mut engines = Vec::new();
    let mut by_model: BTreeMap<&str, usize> = BTreeMap::new();
    let of_agent = agents
        .iter()
        .map(|agent| {
            let new = EngineDraft { first: agent.spec, model: agent.model };
            let index = match sharing {
                Sharing::Isolated => engines.len(),
                Sharing::Shared => {
                    *by_model.entry(model_identity(agent.model)).or_insert(engines.len())
                }
            };
            if index == engines.len() {
                engines.push(new);
            }
            index
        })
        .collect();
    (engines, of_agent)
}

/// Maximum context of an agent in cells: the requested context, limited to the model's trained
/// context.
pub(crate) fn max_context(spec: &AgentSpec, shape: &ModelShape) -> u64 {
    let trained = match shape.context_trained.0 {
        0 => u32::MAX, // not stated
        tokens => tokens,
    };
    let context = spec.context.0.clamp(1, trained).into();
    // Without cells to round up to, and an encoder has positions up to `trained` only.
    if shape.pooling.is_some() { context } else { aligned(context) }
}

/// Whether `model` computes embeddings.
pub(crate) fn embeds(model: &PlannedModel) -> bool {
    model.shape.pooling.is_some()
}

/// Possible contexts of an agent in cells: its maximum, then halves down to [`MIN_CONTEXT`].
fn contexts(spec: &AgentSpec, shape: &ModelShape) -> Vec<u64> {
    let mut contexts = vec![max_context(spec, shape)];
    // A smaller context of an embedding model would save next to nothing.
    if shape.pooling.is_some() {
        return contexts;
    }
    while let Some(half) = contexts.last().map(|context| aligned(context / 2)) {
        if half < MIN_CONTEXT || contexts.contains(&half) {
            break;
        }
        contexts.push(half);
    }
    contexts
}

/// Whether every agent has the same slots and context in both.
fn same_grants(one: &Allocation, other: &Allocation) -> bool {
    let place = |grant: &Grant| match *grant {
        Grant::Placed { slots, context } => Some((slots, context)),
        Grant::Skipped { .. } => None,
    };
    one.grants.iter().map(place).eq(other.grants.iter().map(place))
}

/// The error, if every agent was skipped.
fn nothing_fits(agents: &[Agent<'_>], grants: &[Grant], hardware: &Hardware) -> Option<PlanError> {
    let needs = grants.iter().zip(agents).map(|(grant, agent)| match grant {
        Grant::Skipped { needed, .. } => Some((*needed, agent)),
        Grant::Placed { .. } => None,
    });
    let needs: Vec<_> = needs.collect::<Option<_>>()?;
    let (needed, agent) = needs.into_iter().min_by_key(|(needed, _)| *needed)?;
    Some(PlanError::NothingFits {
        agent: agent.spec.name.clone(),
        needed,
        budget: hardware.memory_budget_bytes,
    })
}
