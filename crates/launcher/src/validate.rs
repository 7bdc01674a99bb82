//! Validation of a plan before its start: it may come from a file edited by hand.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use harmonic_types::{AgentName, AgentPlan, Bytes, EnginePlan, Plan, StackSpec};

use crate::error::LaunchError;

/// Valid numbers of threads: the upper bound exceeds the processors of any machine.
const THREADS: RangeInclusive<u64> = 1..=4096;

/// Refuses a plan without engines, with duplicate engine ids or agent names, with agents and
/// engines that do not refer to each other, or with amounts that no machine has.
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
        if !engine.is_some_and(|engine| engine.agents.contains(&agent.name)) {
            return invalid(format!(
                "invalid engine `{id}` of agent `{}`: expected an engine that lists it",
                agent.name
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
        within(&of, "threads", engine.local().threads.into(), &THREADS)?;
        // llama.cpp counts cells in 32 bits.
        let cells = engine.local().kv_tokens;
        // An encoder has none.
        let fewest = if engine.local().pooling.is_some() { 0 } else { sequences };
        within(&of, "kv_tokens", cells, &(fewest..=u32::MAX.into()))?;
        sums_up(&of, engine.memory(), engine.total_bytes)?;
    }
    let totals = plan.engines.iter().map(|engine| engine.total_bytes);
    sums_up("the plan", totals, plan.total_bytes)
}

/// Refuses slots and a context that the engine of `agent` does not have.
fn shares(plan: &Plan, agent: &AgentPlan) -> Result<(), String> {
    // One that was skipped has neither.
    let Some(engine) = plan.engine_of(agent) else { return Ok(()) };
    let of = format!("the agent `{}`", agent.name);
    within(&of, "slots", agent.slots.into(), &(1..=EnginePlan::MAX_SEQUENCES.into()))?;
    let trained = engine.context_trained.map_or(u32::MAX, |trained| trained.0).into();
    // Of an encoder, the cells are no bound: it has none.
    let most = match engine.local().pooling {
        Some(_) => trained,
        None => engine.local().kv_tokens,
    };
    let context = agent.context.0.into();
    within(&of, "context", context, &(1..=most))?;
    let prompt = agent.spec.least_prompt_tokens();
    if engine.local().pooling.is_none() && u64::from(prompt.0) >= context {
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
