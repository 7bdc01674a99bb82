//! Writing of a stack as a stack file.
//!
//! Owns the form of the text. Invariant: parsing the text gives the same stack, provided that it is
//! valid (see [`StackSpec`]) and no name of a model at a remote engine has a comma.
//!
//! Does not do: `like` and `system_file`: every agent is written whole.

use harmonic_types::{AgentSpec, EngineChoice, Sampling, StackSpec};
use serde::Serialize;

/// The keys of a stack file, in the order in which they are written.
#[derive(Serialize)]
struct StackFile<'a> {
    name: &'a str,
    agents: Vec<AgentTable<'a>>,
}

#[derive(Serialize)]
struct AgentTable<'a> {
    name: &'a str,
    tier: u8,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    context: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_context: Option<u32>,
    role: &'a str,
    system: &'a str,
    thinking: bool,
    sampling: &'a Sampling,
}

/// The text of a stack file that describes `stack`.
pub fn write(stack: &StackSpec) -> String {
    let StackSpec { name, agents, engines } = stack;
    let tables = agents.iter().map(|agent| table(agent, engines.get(&agent.name)));
    let file = StackFile { name, agents: tables.collect() };
    toml::to_string_pretty(&file).expect("strings, numbers and tables are TOML")
}

fn table<'a>(agent: &'a AgentSpec, engine: Option<&EngineChoice>) -> AgentTable<'a> {
    // Destructured, so that a new field cannot be forgotten.
    let AgentSpec { name, tier, model, context, min_context, role, system, sampling, thinking } =
        agent;
    AgentTable {
        name: &name.0,
        tier: tier.number(),
        model,
        engine: engine.map(ToString::to_string),
        context: context.0,
        min_context: min_context.map(|tokens| tokens.0),
        role,
        system,
        thinking: *thinking,
        sampling,
    }
}

#[cfg(test)]
mod tests;
