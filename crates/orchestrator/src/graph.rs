//! The check of a task graph against the agents, tools and limits of a run.

use std::fmt;

use harmonic_types::{TaskGraph, ToolSpec};

use crate::agent::AgentProfile;
use crate::spec::RunSpec;

/// What a graph is checked against.
#[derive(Clone, Copy, Debug)]
pub struct GraphRules<'a> {
    /// Agents that may be named.
    pub agents: &'a [AgentProfile],
    /// Tools that may be named.
    pub tools: &'a [ToolSpec],
    /// Tasks, at most.
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
    /// All faults, as far as they are worth listing.
    pub fn read(&self, json: &str) -> Result<TaskGraph, GraphErrors> {
        let _ = json;
        Err(GraphErrors(Vec::new()))
    }

    /// Checks `graph`.
    ///
    /// # Errors
    /// All faults, as far as they are worth listing.
    pub fn check(&self, graph: &TaskGraph) -> Result<(), GraphErrors> {
        let _ = graph;
        Ok(())
    }
}

/// One fault of a graph, with a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphFault {
    /// Position of the task, from 0; `None` concerns the whole graph.
    pub task: Option<u32>,
    /// The field.
    pub field: &'static str,
    /// What is wrong, and what is expected instead.
    pub reason: String,
}

impl fmt::Display for GraphFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "tasks[{task}].{}: {}", self.field, self.reason),
            None => write!(f, "{}: {}", self.field, self.reason),
        }
    }
}

/// Faults of a graph, one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphErrors(pub Vec<GraphFault>);

impl fmt::Display for GraphErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for GraphErrors {}

/// `text` without what does not change its meaning as an instruction: case, spaces, punctuation.
pub fn normalised(text: &str) -> String {
    text.to_lowercase()
}
