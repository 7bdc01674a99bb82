//! The built-in stacks and agents.
//!
//! Owns the texts under `stacks/` and `agents/`. They are parsed as a user's file is; tests assert
//! that they are valid, so this module returns no errors.

use std::io;
use std::sync::LazyLock;

use harmonic_types::{AgentSpec, StackSpec};

use crate::parse::{self, References};
use crate::position::Source;

const STACKS: [(&str, &str); 5] = [
    ("standard", include_str!("../stacks/standard.toml")),
    ("full", include_str!("../stacks/full.toml")),
    ("minimal", include_str!("../stacks/minimal.toml")),
    ("dev", include_str!("../stacks/dev.toml")),
    ("starter", include_str!("../stacks/starter.toml")),
];

const PROMPTS: [(&str, &str); 9] = [
    ("executive.md", include_str!("../agents/executive.md")),
    ("operator.md", include_str!("../agents/operator.md")),
    ("technical_director.md", include_str!("../agents/technical_director.md")),
    ("research_director.md", include_str!("../agents/research_director.md")),
    ("creative_director.md", include_str!("../agents/creative_director.md")),
    ("coder.md", include_str!("../agents/coder.md")),
    ("analyst.md", include_str!("../agents/analyst.md")),
    ("architect.md", include_str!("../agents/architect.md")),
    ("reviewer.md", include_str!("../agents/reviewer.md")),
];

static AGENTS: LazyLock<Vec<AgentSpec>> = LazyLock::new(|| {
    let source = Source { text: include_str!("../agents/agents.toml"), origin: "agents.toml" };
    parse::stack(&source, References { agents: &[], prompt: &prompt })
        .expect("the built-in agents parse: tested")
        .agents
});

fn prompt(file: &str) -> io::Result<String> {
    let found = PROMPTS.iter().find(|(name, _)| *name == file);
    found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Names of the built-in stacks in display order.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    STACKS.iter().map(|(name, _)| *name)
}

/// The built-in stack `name`.
pub fn builtin(name: &str) -> Option<StackSpec> {
    let (_, text) = STACKS.iter().find(|(known, _)| *known == name)?;
    let references = References { agents: builtin_agents(), prompt: &prompt };
    let stack = parse::stack(&Source { text, origin: name }, references);
    Some(stack.expect("the built-in stacks parse: tested"))
}

/// The agents available to `like` in a stack file, with the prompts for a complete team.
pub fn builtin_agents() -> &'static [AgentSpec] {
    &AGENTS
}

#[cfg(test)]
mod tests;
