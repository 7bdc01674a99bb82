//! The check of a task graph against the agents, tools and limits of a run.
//!
//! Invariants: the effort is bounded by the limits, whatever the graph holds; every fault names its
//! task and field and a remedy.
//!
//! Does not do: judging whether a plan is a good one.

mod checks;
mod document;
mod fault;

use harmonic_types::{Task, TaskGraph, ToolSpec};

use crate::agent::AgentProfile;
use crate::limits::RunLimits;
use crate::spec::RunSpec;

pub use fault::{FaultKind, GraphErrors, GraphFault};

/// What a graph is checked against.
#[derive(Clone, Copy, Debug)]
pub struct GraphRules<'a> {
    /// Agents that may be named.
    pub agents: &'a [AgentProfile],
    /// Tools that may be named.
    pub tools: &'a [ToolSpec],
    /// Tasks, at most; [`RunLimits::MOST_TASKS`] at most.
    pub tasks: u32,
}

impl<'a> GraphRules<'a> {
    /// Rules of a run.
    pub fn of(spec: &'a RunSpec) -> Self {
        Self { agents: &spec.agents, tools: &spec.tools, tasks: spec.limits.tasks }
    }

    /// The graph in `json`, checked. Unknown fields are errors.
    ///
    /// # Errors
    /// The text is no graph, or has faults: all of them, as far as they are worth listing.
    pub fn read(&self, json: &str) -> Result<TaskGraph, GraphErrors> {
        let graph = document::graph(json, self.most_tasks())?;
        self.check(&graph)?;
        Ok(graph)
    }

    /// Checks `graph`.
    ///
    /// # Errors
    /// All faults, as far as they are worth listing.
    pub fn check(&self, graph: &TaskGraph) -> Result<(), GraphErrors> {
        checks::graph(self, graph)
    }

    /// Checks one task of a graph whose other tasks are not known yet: all but what concerns
    /// several tasks.
    pub(crate) fn check_task(&self, index: usize, task: &Task) -> Result<(), GraphErrors> {
        checks::task(self, index, task)
    }

    pub(crate) fn most_tasks(&self) -> usize {
        self.tasks.min(RunLimits::MOST_TASKS) as usize
    }

    pub(crate) fn agent(&self, name: &harmonic_types::AgentName) -> Option<&'a AgentProfile> {
        self.agents.iter().find(|agent| agent.name == *name)
    }
}

pub(crate) use document::plan_task;
pub use document::read_graph;

/// `text` without what does not change its meaning as an instruction: letters and digits in lower
/// case, all else as single spaces.
pub fn normalised(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        if character.is_alphanumeric() {
            plain.push(character);
        } else if !plain.ends_with(' ') && !plain.is_empty() {
            plain.push(' ');
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

#[cfg(test)]
mod tests;
