//! Planning: hardware, stack and models to a plan.

use std::collections::BTreeMap;

use harmonic_perfmodel::aligned;
use harmonic_types::{
    AgentName, AgentSpec, BudgetRule, Bytes, Curve, Device, EngineChoice, Hardware, KvType,
    ModelShape, Plan, Sharing, StackSpec, Tokens,
};

use crate::allocation::{Allocation, EngineOptions, allocate};
use crate::concurrency::{Parallelism, parallelism};
use crate::cost_model::{CostModel, prefix_tokens};
use crate::demand::Demand;
use crate::document::{Draft, EngineDraft};
use crate::error::PlanError;
use crate::input::{PlanOptions, PlannedModel};
use crate::kv_layout::preferred_layout;
use crate::runtime::Runtime;
use crate::shortage::Shortage;
use crate::slot_targets::{floor, quotas, target};
use crate::tuned::{best_config, faithful_kv};

/// Plans `stack` on `hardware`. The keys of `models` are the model names used by the agents.
///
/// # Errors
/// When an agent's model is unknown or not covered by the paper's rule, when the stack states an
/// engine that cannot serve its agent, or nothing fits.
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
    if stack.agents.len() > StackSpec::MAX_AGENTS {
        let agents = stack.agents.len();
        return Err(PlanError::TooManyAgents { stack: stack.name.clone(), agents });
    }
    let device = hardware
        .devices
        .first()
        .ok_or_else(|| PlanError::NoDevice { profile: hardware.profile.clone() })?;
    let agents = by_priority(stack, models, &options.engine)?;
    agents.iter().try_for_each(check_context)?;
    let generating = agents.iter().filter(|agent| agent.claims_device()).map(|agent| agent.model);
    let parallelism = parallelism(hardware, generating, curves);
    let in_flight = parallelism.max_in_flight.sequences;

    let (engines, of_agent) = engines(&agents, options.sharing);
    let costs = engines
        .iter()
        .map(|engine| engine_options(engine, hardware, device, options, in_flight))
        .collect::<Result<Vec<_>, _>>()?;
    let demands = demands(&agents, &of_agent, options, &parallelism);
    let allocation = allocate(&costs, &demands, hardware.memory_budget_bytes);
    if let Some(error) = nothing_fits(&agents, &allocation, hardware) {
        return Err(error);
    }
    let draft =
        Draft { hardware, stack, options, parallelism, device, agents, engines, costs, demands };
    Ok(draft.into_plan(&allocation))
}

/// Refuses a context that the model of `agent` does not have, or that its system prompt fills.
fn check_context(agent: &Agent<'_>) -> Result<(), PlanError> {
    let Agent { spec, model, .. } = agent;
    // Those of embeddings are cut to what the model has, and have no system prompt.
    if embeds(model) {
        return Ok(());
    }
    let trained = model.shape.context_trained;
    // 0 is not stated.
    if let Some(least) = spec.min_context.filter(|least| trained.0 > 0 && *least > trained) {
        let (agent, model) = (spec.name.clone(), model.name.clone());
        return Err(PlanError::ContextTooLong { agent, least, model, trained });
    }
    let context = max_context(spec, &model.shape);
    let tokens = spec.least_prompt_tokens();
    if u64::from(tokens.0) < context {
        return Ok(());
    }
    Err(PlanError::PromptTooLong {
        agent: spec.name.clone(),
        bytes: spec.system.len(),
        tokens,
        context: Tokens(u32::try_from(context).unwrap_or(u32::MAX)),
    })
}

/// Cost models of an engine, and the layout that is faster on it.
fn engine_options<'a>(
    engine: &EngineDraft<'a>,
    hardware: &Hardware,
    device: &Device,
    options: &PlanOptions,
    max_in_flight: u32,
) -> Result<EngineOptions<'a>, PlanError> {
    let with = |kv_type| {
        let options = PlanOptions { kv_type: Some(kv_type), ..options.clone() };
        let runtime = Runtime::of(engine.choice);
        let first = &engine.first.name;
        let cost = cost_model(engine.model, first, runtime, &options, max_in_flight)?;
        Ok(cost.for_device(device))
    };
    let cost = with(options.kv_type.unwrap_or_default())?;
    // Measured with engines in this process.
    let config = best_config(hardware, engine.model, &options.tuned)
        .filter(|_| cost.runtime() == Runtime::InProcess);
    // Embeddings have one layout, and retain no cache.
    let generates = !cost.computes_embeddings();
    let layout = preferred_layout(config, &cost).filter(|_| generates);
    let quantised = match faithful_kv(options, config) {
        Some(_) if cost.is_exact() && generates => Some(with(KvType::Q8_0)?),
        _ => None,
    };
    Ok(EngineOptions { cost, quantised, layout })
}

/// Demands of the agents, in their order.
fn demands(
    agents: &[Agent<'_>],
    of_agent: &[usize],
    options: &PlanOptions,
    parallelism: &Parallelism,
) -> Vec<Demand> {
    let target = |agent: &Agent<'_>| {
        let own = options.slots.get(&agent.spec.name).copied();
        own.unwrap_or_else(|| target(agent.spec.tier, parallelism.peak.sequences)).max(1)
    };
    let targets: Vec<u32> = agents.iter().map(target).collect();
    // Requests for embeddings run in no sequence, and those elsewhere in none of this machine.
    let claims: Vec<u32> = agents
        .iter()
        .zip(&targets)
        .map(|(agent, target)| if agent.claims_device() { *target } else { 0 })
        .collect();
    let quotas = quotas(&claims, parallelism.max_in_flight.sequences);
    let each = agents.iter().zip(of_agent).zip(targets.into_iter().zip(quotas));
    each.map(|((agent, engine), (target, quota))| {
        let quota = if agent.claims_device() { quota } else { target };
        let context = agent.max_context();
        Demand {
            engine: *engine,
            tier: agent.spec.tier,
            target,
            floor: floor(quota),
            min_context: min_context(agent, context),
            context,
            prefix: prefix_tokens(&agent.spec.system),
        }
    })
    .collect()
}

/// Least context of an agent in cells, of which `context` are wanted.
fn min_context(agent: &Agent<'_>, context: u64) -> u64 {
    // A smaller one of an embedding model would save next to nothing, and of a server nothing.
    if !agent.claims_device() {
        return context;
    }
    aligned(agent.spec.least_context().0.max(1).into()).min(context)
}

/// Cost model of an engine for `model`, whose first agent is `agent`.
pub(crate) fn cost_model<'a>(
    model: &'a PlannedModel,
    agent: &AgentName,
    runtime: Runtime,
    options: &PlanOptions,
    max_in_flight: u32,
) -> Result<CostModel<'a>, PlanError> {
    let budget = match runtime {
        // The paper says nothing of a model that takes no memory here.
        Runtime::Elsewhere => BudgetRule::Exact,
        Runtime::InProcess | Runtime::Program(_) => options.budget,
    };
    CostModel::of(model, budget, options.kv_type.unwrap_or_default(), max_in_flight)
        .map(|cost| cost.on(runtime))
        .ok_or_else(|| PlanError::NoPaperFigures {
            agent: agent.clone(),
            model: model.name.clone(),
        })
}

/// An agent with its model, its engine and its position in the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agent<'a> {
    pub(crate) position: usize,
    pub(crate) spec: &'a AgentSpec,
    pub(crate) model: &'a PlannedModel,
    pub(crate) engine: &'a EngineChoice,
}

impl Agent<'_> {
    /// Whether its requests run in sequences of this machine.
    fn claims_device(&self) -> bool {
        !embeds(self.model) && Runtime::of(self.engine) != Runtime::Elsewhere
    }

    /// Maximum context in cells: the requested one, limited to that of its model or its server.
    fn max_context(&self) -> u64 {
        match self.engine {
            EngineChoice::Remote(remote) => {
                let most = remote.context.unwrap_or(self.spec.context);
                self.spec.context.min(most).0.max(1).into()
            }
            _ => max_context(self.spec, &self.model.shape),
        }
    }
}

/// Engine of `agent`, for which `default` is used where the stack states none.
///
/// # Errors
/// When the agent computes embeddings, and the engine that the stack states for it does not.
fn engine_of<'a>(
    stack: &'a StackSpec,
    agent: &AgentSpec,
    model: &PlannedModel,
    default: &'a EngineChoice,
) -> Result<&'a EngineChoice, PlanError> {
    let stated = stack.engines.get(&agent.name);
    let choice = stated.unwrap_or(default);
    if !embeds(model) || Runtime::of(choice) == Runtime::InProcess {
        return Ok(choice);
    }
    match stated {
        None => Ok(&EngineChoice::Llama),
        Some(_) => Err(PlanError::NoEmbeddings { agent: agent.name.clone(), kind: choice.kind() }),
    }
}

/// Agents from tier 1 down, in the order of the stack within a tier; `engine` is that of those for
/// which the stack states none.
pub(crate) fn by_priority<'a>(
    stack: &'a StackSpec,
    models: &'a BTreeMap<String, PlannedModel>,
    engine: &'a EngineChoice,
) -> Result<Vec<Agent<'a>>, PlanError> {
    let mut agents = stack
        .agents
        .iter()
        .enumerate()
        .map(|(position, spec)| match models.get(&spec.model) {
            Some(model) => {
                let engine = engine_of(stack, spec, model, engine)?;
                Ok(Agent { position, spec, model, engine })
            }
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

/// What an engine loads for `agent`: the file, or the model that a server has by this name.
fn loaded_model<'a>(agent: &Agent<'a>) -> &'a str {
    match agent.engine {
        EngineChoice::Remote(remote) => remote.model.as_ref().unwrap_or(&agent.model.name),
        _ => model_identity(agent.model),
    }
}

/// Engines required by `sharing`, and the index of each agent's engine.
fn engines<'a>(agents: &[Agent<'a>], sharing: Sharing) -> (Vec<EngineDraft<'a>>, Vec<usize>) {
    let mut engines = Vec::new();
    let mut shared: BTreeMap<(&str, &EngineChoice), usize> = BTreeMap::new();
    let of_agent = agents
        .iter()
        .map(|agent| {
            let new = EngineDraft { first: agent.spec, model: agent.model, choice: agent.engine };
            let index = match sharing {
                Sharing::Isolated => engines.len(),
                Sharing::Shared => {
                    let key = (loaded_model(agent), agent.engine);
                    *shared.entry(key).or_insert(engines.len())
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

/// The error, if no agent fits.
fn nothing_fits(
    agents: &[Agent<'_>],
    allocation: &Allocation,
    hardware: &Hardware,
) -> Option<PlanError> {
    if allocation.shares.iter().any(Option::is_some) {
        return None;
    }
    let budget = hardware.memory_budget_bytes;
    let lacks = allocation.shortages.iter().find_map(|shortage| match shortage {
        Shortage::Agent { agent, more } if *agent == allocation.first => Some(*more),
        _ => None,
    });
    Some(PlanError::NothingFits {
        agent: agents.get(allocation.first)?.spec.name.clone(),
        needed: Bytes(budget.0.saturating_add(lacks?.0)),
        budget,
    })
}
