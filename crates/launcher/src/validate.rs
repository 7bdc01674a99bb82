//! Validation of a plan before its start: it may come from a file edited by hand.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use harmonic_types::{
    AgentName, AgentPlan, Bytes, EnginePlan, EngineSpec, Plan, ProcessSpec, RemoteChoice,
    RemoteSpec, RemoteUrl, StackSpec, Tokens,
};

use crate::error::LaunchError;

/// Valid numbers of threads: the upper bound exceeds the processors of any machine.
const THREADS: RangeInclusive<u64> = 1..=4096;

/// Refuses a plan without engines, with duplicate engine ids or agent names, with agents and
/// engines that do not refer to each other or contradict each other, or with amounts that no machine
/// has.
pub(crate) fn check(plan: &Plan) -> Result<(), LaunchError> {
    let invalid = |reason: String| Err(LaunchError::InvalidPlan { reason });
    if plan.engines.is_empty() {
        return invalid("it has no engines".to_owned());
    }
    let mut ids = BTreeSet::new();
    if let Some(duplicate) = plan.engines.iter().find(|engine| !ids.insert(&engine.id)) {
        return invalid(format!("duplicate engine id `{}`", duplicate.id));
    }
    let mut names = BTreeSet::new();
    if let Some(duplicate) = plan.agents.iter().find(|agent| !names.insert(&agent.name)) {
        return invalid(format!("duplicate agent name `{}`", duplicate.name));
    }
    for agent in &plan.agents {
        let Some(id) = &agent.engine else { continue };
        let engine = plan.engines.iter().find(|engine| engine.id == *id);
        let Some(engine) = engine.filter(|engine| engine.agents.contains(&agent.name)) else {
            return invalid(format!(
                "invalid engine `{id}` of agent `{}`: expected an engine that lists it",
                agent.name
            ));
        };
        if agent.leaves_machine != engine.leaves_machine() {
            let (name, is) = (&agent.name, engine.leaves_machine());
            return invalid(format!(
                "invalid leaves_machine of agent `{name}`: expected {is}, as its engine `{id}` says"
            ));
        }
        if let EngineSpec::Process(process) = &engine.spec
            && process.context != agent.context
        {
            let (name, context) = (&agent.name, process.context);
            return invalid(format!(
                "invalid context of agent `{name}`: expected {context}, the common one of its \
                 engine `{id}`"
            ));
        }
    }
    for engine in &plan.engines {
        let serves = |name: &AgentName| {
            plan.agents.iter().any(|a| a.name == *name && a.engine.as_ref() == Some(&engine.id))
        };
        if let Some(stray) = engine.agents.iter().find(|name| !serves(name)) {
            return invalid(format!(
                "invalid agent `{stray}` of engine `{}`: expected an agent assigned to it",
                engine.id
            ));
        }
    }
    amounts(plan).or_else(invalid)
}

/// Refuses amounts that no machine has, and a plan whose memory lines exceed their total.
fn amounts(plan: &Plan) -> Result<(), String> {
    if plan.max_in_flight == 0 {
        return Err("invalid max_in_flight `0`: expected at least 1".to_owned());
    }
    if let Some(threads) = plan.http_threads {
        within("the plan", "http_threads", threads.into(), &THREADS)?;
    }
    if let Some(agent) = plan.agents.iter().find(|agent| agent.name != agent.spec.name) {
        let (name, spec) = (&agent.name, &agent.spec.name);
        return Err(format!("the agent `{name}` has the spec of `{spec}`"));
    }
    if plan.agents.len() > StackSpec::MAX_AGENTS {
        let (agents, most) = (plan.agents.len(), StackSpec::MAX_AGENTS);
        return Err(format!("it has {agents} agents: expected at most {most}"));
    }
    plan.agents.iter().try_for_each(|agent| shares(plan, agent))?;
    for engine in &plan.engines {
        let of = format!("the engine `{}`", engine.id);
        let sequences = engine.sequences.into();
        within(&of, "sequences", sequences, &(1..=EnginePlan::MAX_SEQUENCES.into()))?;
        if let Some(threads) = engine.threads() {
            within(&of, "threads", threads.into(), &THREADS)?;
        }
        if let Some(cells) = engine.kv_tokens() {
            // An encoder has none.
            let fewest = if engine.pooling().is_some() { 0 } else { sequences };
            // llama.cpp counts cells in 32 bits.
            within(&of, "kv_tokens", cells, &(fewest..=u32::MAX.into()))?;
        }
        match &engine.spec {
            EngineSpec::Llama(_) | EngineSpec::Sim(_) => {}
            EngineSpec::Process(process) => retains_nothing(&of, engine, process)?,
            EngineSpec::Remote(remote) => is_elsewhere(&of, engine, remote)?,
        }
        sums_up(&of, engine.memory(), engine.total_bytes)?;
    }
    let totals = plan.engines.iter().map(|engine| engine.total_bytes);
    sums_up("the plan", totals, plan.total_bytes)
}

/// Refuses memory for prefixes and preempted sequences in a program of others, which has neither.
fn retains_nothing(of: &str, engine: &EnginePlan, process: &ProcessSpec) -> Result<(), String> {
    let program = process.program;
    for (field, bytes) in
        [("prefix_bytes", engine.prefix_bytes), ("park_bytes", engine.preempt_bytes)]
    {
        if bytes > Bytes::ZERO {
            return Err(format!("{of} has {bytes} of {field}: expected 0, as {program} has none"));
        }
    }
    Ok(())
}

/// Refuses a server without a valid address, one that is said to be on this machine and is not, and
/// memory of this machine for it.
fn is_elsewhere(of: &str, engine: &EnginePlan, remote: &RemoteSpec) -> Result<(), String> {
    let url: RemoteUrl = remote.url.parse().map_err(|error| format!("{of} has an {error}"))?;
    if url.as_str() != remote.url {
        return Err(format!("{of} has an invalid url: expected `{url}`"));
    }
    if url.leaves_machine() != remote.leaves_machine {
        let expected = url.leaves_machine();
        return Err(format!("{of} has an invalid leaves_machine: expected {expected} for `{url}`"));
    }
    if let Some(variable) = &remote.key_env {
        RemoteChoice::key_variable(variable).map_err(|error| format!("{of} has an {error}"))?;
    }
    if remote.model.trim().is_empty() {
        return Err(format!("{of} has an empty model: expected the name that its server knows"));
    }
    if remote.context == Some(Tokens(0)) {
        return Err(format!("{of} has an invalid context `0`: expected at least 1, or none"));
    }
    if engine.total_bytes > Bytes::ZERO {
        let bytes = engine.total_bytes;
        return Err(format!("{of} takes {bytes}: expected 0 of a server that already runs"));
    }
    Ok(())
}

/// Refuses slots and a context that the engine of `agent` does not have.
fn shares(plan: &Plan, agent: &AgentPlan) -> Result<(), String> {
    // One that was skipped has neither.
    let Some(engine) = plan.engine_of(agent) else { return Ok(()) };
    let of = format!("the agent `{}`", agent.name);
    within(&of, "slots", agent.slots.into(), &(1..=EnginePlan::MAX_SEQUENCES.into()))?;
    let trained = engine.context_trained.map_or(u32::MAX, |trained| trained.0).into();
    // Of an encoder, and of an engine elsewhere, the cells are no bound: it states none.
    let generating = engine.local().filter(|local| local.pooling.is_none());
    let most = generating.map_or(trained, |local| local.kv_tokens);
    let context = agent.context.0.into();
    within(&of, "context", context, &(1..=most))?;
    let prompt = agent.spec.least_prompt_tokens();
    if generating.is_some() && u64::from(prompt.0) >= context {
        return Err(format!(
            "the system prompt of {of} has at least {prompt} tokens: expected fewer than its \
             context, {context}"
        ));
    }
    Ok(())
}

fn within(of: &str, field: &str, value: u64, range: &RangeInclusive<u64>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    Err(format!("{of} has an invalid {field} `{value}`: expected {least} to {most}"))
}

/// Refuses `parts` that sum to more than `total`, which is compared with the available memory.
fn sums_up(of: &str, parts: impl IntoIterator<Item = Bytes>, total: Bytes) -> Result<(), String> {
    let sum = parts.into_iter().try_fold(0u64, |sum, part| sum.checked_add(part.0));
    match sum {
        Some(sum) if sum <= total.0 => Ok(()),
        _ => Err(format!("the memory lines of {of} sum to more than its total_bytes, {total}")),
    }
}
