//! Commands that hold larger contexts on this machine: what a refusal of a long prompt names.
//!
//! Owns: the plans of the running team's stack and of the built-in ones with larger contexts. They are
//! made when the server starts, so that a refusal plans nothing.
//!
//! Invariant: a command is named for an agent only if its plan keeps the agent, and with that context.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use harmonic_planner::PlanOptions;
use harmonic_types::{
    AgentName, EngineChoice, EngineKind, EnginePlan, EngineSpec, Hardware, LargerContexts, Plan,
    ProcessChoice, RemoteChoice, Restart, StackSpec, Tokens,
};

use crate::event::NoObserver;
use crate::plan::{self, PlanInputs};
use crate::settings::Settings;
use crate::team_request::{TeamRequest, set_context};

/// Commands for each agent of `plan`; a stack that cannot be planned is none.
pub fn larger_contexts(
    plan: &Plan,
    hardware: &Hardware,
    settings: &Settings,
) -> BTreeMap<AgentName, Arc<LargerContexts>> {
    let generating = || plan.generating();
    let least = generating().map(|agent| agent.context).min().unwrap_or_default();
    let mut kept: Vec<(AgentName, Restart)> = Vec::new();
    if let Some((stack, team)) = started(plan) {
        kept.extend(restarts(&stack, &team, None, least, hardware, settings));
    }
    for name in harmonic_stack::builtin_names() {
        let team = TeamRequest { stack: Some(name.to_owned()), ..TeamRequest::default() };
        if let Ok(stack) = team.resolve(settings) {
            kept.extend(restarts(&stack, &team, Some(name), least, hardware, settings));
        }
    }
    let of = |asked: &AgentName| {
        let (own, others): (Vec<_>, Vec<_>) =
            kept.iter().cloned().partition(|(agent, _)| agent == asked);
        let own = own.into_iter().map(|(_, restart)| restart).collect();
        Arc::new(LargerContexts { own, others })
    };
    generating().map(|agent| (agent.name.clone(), of(&agent.name))).collect()
}

/// The stack that `plan` was made from, and the options that it tells of.
fn started(plan: &Plan) -> Option<(StackSpec, TeamRequest)> {
    let agents = plan.agents.iter().map(|agent| agent.spec.clone()).collect();
    let mut stack = StackSpec::new(plan.stack.clone(), agents);
    for engine in plan.engines.iter().filter(|engine| engine.pooling().is_none()) {
        let choice = choice(engine)?;
        stack.engines.extend(engine.agents.iter().map(|agent| (agent.clone(), choice.clone())));
    }
    let is_sim = |engine: &EnginePlan| engine.spec.kind() == EngineKind::Sim;
    let default =
        if plan.engines.iter().any(is_sim) { EngineChoice::Sim } else { EngineChoice::Llama };
    let (sharing, budget) = (plan.sharing, plan.budget);
    Some((stack, TeamRequest { sharing, budget, engine: Some(default), ..TeamRequest::default() }))
}

/// What was chosen for the agents of `engine`; `None` for an address that this build does not read.
fn choice(engine: &EnginePlan) -> Option<EngineChoice> {
    Some(match &engine.spec {
        EngineSpec::Llama(_) => EngineChoice::Llama,
        EngineSpec::Sim(_) => EngineChoice::Sim,
        EngineSpec::Process(process) => EngineChoice::Process(ProcessChoice {
            program: process.program,
            executable: process.executable.clone(),
        }),
        EngineSpec::Remote(remote) => EngineChoice::Remote(RemoteChoice {
            url: remote.url.parse().ok()?,
            dialect: remote.dialect,
            key_env: remote.key_env.clone(),
            model: Some(remote.model.clone()),
            context: remote.context,
        }),
    })
}

/// Agents that plans of `stack` keep with contexts beyond `least`, each with the command; from the
/// smallest context up.
fn restarts(
    stack: &StackSpec,
    team: &TeamRequest,
    name: Option<&str>,
    least: Tokens,
    hardware: &Hardware,
    settings: &Settings,
) -> Vec<(AgentName, Restart)> {
    let Ok(inputs) = PlanInputs::of(stack, team, settings, &NoObserver) else { return Vec::new() };
    let trained: BTreeSet<Tokens> =
        inputs.models.values().map(|model| model.shape.context_trained).collect();
    let mut kept = Vec::new();
    for context in contexts(least, &trained) {
        let planned = planned(stack, &team.options(), context, &inputs, hardware);
        if planned.is_empty() {
            // A larger one keeps no more.
            break;
        }
        let restart = Restart { stack: name.map(str::to_owned), context };
        kept.extend(planned.into_iter().map(|agent| (agent, restart.clone())));
    }
    kept
}

/// Contexts beyond `least` that a model was `trained` for: powers of two, and the largest of each.
fn contexts(least: Tokens, trained: &BTreeSet<Tokens>) -> BTreeSet<Tokens> {
    let most = trained.last().copied().unwrap_or_default();
    let first = least.0.checked_add(1).and_then(u32::checked_next_power_of_two);
    let doubled = std::iter::successors(first, |context| context.checked_mul(2));
    let powers = doubled.take_while(|context| *context <= most.0).map(Tokens);
    powers.chain(trained.iter().copied().filter(|trained| *trained > least)).collect()
}

/// Agents that the plan of `stack` keeps with this context.
fn planned(
    stack: &StackSpec,
    options: &PlanOptions,
    context: Tokens,
    inputs: &PlanInputs,
    hardware: &Hardware,
) -> Vec<AgentName> {
    let mut stack = stack.clone();
    set_context(&mut stack, context);
    let Ok(plan) = plan::plan_with(hardware, &stack, options, inputs) else { return Vec::new() };
    let holds = |engine: &EnginePlan| engine.context_trained.is_some_and(|most| most >= context);
    let kept = plan
        .generating()
        .filter(|agent| agent.context >= context && plan.engine_of(agent).is_some_and(holds));
    kept.map(|agent| agent.name.clone()).collect()
}
