//! From hardware, stack and models to a plan.

use std::collections::BTreeMap;

use harmonic_perfmodel::aligned;
use harmonic_types::{AgentName, AgentSpec, Curve, Hardware, ModelShape, Plan, Sharing, StackSpec};

use crate::allocation::{Allocation, Demand, MIN_CONTEXT, Share, allocate};
use crate::concurrency::parallelism;
use crate::document::{Draft, EngineDraft};
use crate::error::PlanError;
use crate::footprint::Pricing;
use crate::input::{PlanOptions, PlannedModel};
use crate::layout::preferred;
use crate::targets::{floor, target};
use crate::tuned::best_config;

/// Plans `stack` on `hardware`. `models` is keyed by the names that the agents use.
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
    let parallelism = parallelism(hardware, agents.iter().map(|agent| agent.model), curves);
    let in_flight = parallelism.max_in_flight.sequences;

    let (engines, of_agent) = engines(&agents, options.sharing);
    let mut pricings = engines
        .iter()
        .map(|engine| {
            let pricing = price(engine.model, &engine.first.name, options, in_flight)?;
            Ok(pricing.on(device))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let wishes: Vec<Demand> = agents
        .iter()
        .zip(of_agent)
        .map(|(agent, engine)| {
            let target = target(agent.spec.tier, parallelism.peak.sequences);
            let contexts = contexts(agent.spec, &agent.model.shape);
            let prefix = pricings[engine].prefix(&agent.spec.system);
            Demand { engine, target, floor: floor(target), contexts, prefix }
        })
        .collect();
    let mut allocation = allocate(&pricings, &wishes, hardware.memory_budget_bytes);
    if let Some(error) = nothing_fits(&agents, &allocation.shares, hardware) {
        return Err(error);
    }
    for (index, engine) in engines.iter().enumerate() {
        let config = best_config(hardware, engine.model, &options.tuned);
        let Some(layout) = preferred(config, &pricings[index]) else { continue };
        let mut faster = pricings.clone();
        faster[index] = faster[index].clone().in_layout(layout);
        let tried = allocate(&faster, &wishes, hardware.memory_budget_bytes);
        if gives_the_same(&tried, &allocation) {
            (pricings, allocation) = (faster, tried);
        }
    }
    let draft =
        Draft { hardware, stack, options, parallelism, device, agents, engines, pricings, wishes };
    Ok(draft.into_plan(&allocation))
}

/// The prices of an engine for `model`, whose first agent is `agent`.
pub(crate) fn price<'a>(
    model: &'a PlannedModel,
    agent: &AgentName,
    options: &PlanOptions,
    max_in_flight: u32,
) -> Result<Pricing<'a>, PlanError> {
    Pricing::of(model, options.budget, options.kv_type, max_in_flight).ok_or_else(|| {
        PlanError::NoPaperFigures { agent: agent.clone(), model: model.name.clone() }
    })
}

/// An agent with its model and its place in the stack.
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

/// What makes a base model one: its file, whatever the agents call it.
pub(crate) fn identity(model: &PlannedModel) -> &str {
    model.digest.as_ref().unwrap_or(&model.name)
}

/// The engines that `sharing` asks for, and the engine of each agent.
fn engines<'a>(agents: &[Agent<'a>], sharing: Sharing) -> (Vec<EngineDraft<'a>>, Vec<usize>) {
    let mut engines = Vec::new();
    let mut by_model: BTreeMap<&str, usize> = BTreeMap::new();
    let of_agent = agents
        .iter()
        .map(|agent| {
            let new = EngineDraft { first: agent.spec, model: agent.model };
            let index = match sharing {
                Sharing::Isolated => engines.len(),
                Sharing::Shared => *by_model.entry(identity(agent.model)).or_insert(engines.len()),
            };
            if index == engines.len() {
                engines.push(new);
            }
            index
        })
        .collect();
    (engines, of_agent)
}

/// The context that an agent can have at most, in cells: what it asks, within what its model was
/// trained for.
pub(crate) fn asked_context(spec: &AgentSpec, shape: &ModelShape) -> u64 {
    let trained = match shape.context_trained.0 {
        0 => u32::MAX, // not stated
        tokens => tokens,
    };
    aligned(spec.context.0.clamp(1, trained).into())
}

/// The contexts that an agent can be given: what it can have at most, then halves down to
/// [`MIN_CONTEXT`].
fn contexts(spec: &AgentSpec, shape: &ModelShape) -> Vec<u64> {
    let mut contexts = vec![asked_context(spec, shape)];
    while let Some(half) = contexts.last().map(|context| aligned(context / 2)) {
        if half < MIN_CONTEXT || contexts.contains(&half) {
            break;
        }
        contexts.push(half);
    }
    contexts
}

/// Whether every agent has the same place, slots and context.
fn gives_the_same(one: &Allocation, other: &Allocation) -> bool {
    let place = |share: &Share| match *share {
        Share::Placed { slots, context } => Some((slots, context)),
        Share::Skipped { .. } => None,
    };
    one.shares.iter().map(place).eq(other.shares.iter().map(place))
}

/// The refusal, when every agent was skipped.
fn nothing_fits(agents: &[Agent<'_>], shares: &[Share], hardware: &Hardware) -> Option<PlanError> {
    let needs = shares.iter().zip(agents).map(|(share, agent)| match share {
        Share::Skipped { needed, .. } => Some((*needed, agent)),
        Share::Placed { .. } => None,
    });
    let needs: Vec<_> = needs.collect::<Option<_>>()?;
    let (needed, agent) = needs.into_iter().min_by_key(|(needed, _)| *needed)?;
    Some(PlanError::NothingFits {
        agent: agent.spec.name.clone(),
        needed,
        budget: hardware.memory_budget_bytes,
    })
}
