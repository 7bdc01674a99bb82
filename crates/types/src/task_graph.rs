//! A task graph: what a team is to do for one goal, as tasks that name the earlier ones they read.
//!
//! Invariants: a task names earlier tasks only, by position, so a graph that is in range has no
//! cycle; positions count from 0 and never change.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::stack::AgentName;

/// Plan of a run. In JSON it carries [`TaskGraph::SCHEMA`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskGraph {
    /// [`TaskGraph::SCHEMA`].
    pub schema: String,
    /// Tasks; the last one's artifact is the answer of the run.
    pub tasks: Vec<Task>,
}

impl TaskGraph {
    /// Schema of this version.
    pub const SCHEMA: &str = "harmonic.task-graph/1";

    /// Graph of `tasks`.
    pub fn new(tasks: Vec<Task>) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), tasks }
    }
}

/// Position of a task in its graph, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskIndex(pub u32);

/// One task of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Short title, in one line.
    pub title: String,
    /// What is done.
    #[serde(flatten)]
    pub work: Work,
    /// Earlier tasks whose artifacts it reads, ascending, each once.
    #[serde(default)]
    pub after: Vec<TaskIndex>,
    /// Maximum tokens of the answer; `None` is what the agent's context leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
}

/// Work of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// One agent answers.
    Ask {
        /// The agent.
        agent: AgentName,
        /// What it is asked, beside goal, brief and artifacts.
        instruction: String,
    },
    /// One agent answers several times, and the most frequent answer, or a judge's choice, counts.
    Vote {
        /// The agent.
        agent: AgentName,
        /// What it is asked.
        instruction: String,
        /// Answers, two at least.
        samples: u32,
        /// Agent that chooses among answers of which no two are equal; `None` takes the first of
        /// the most frequent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        judge: Option<AgentName>,
    },
    /// One agent accepts the artifact of a task, or sends it back with reasons.
    Check {
        /// The agent.
        agent: AgentName,
        /// What must hold.
        instruction: String,
        /// The task whose artifact is checked; one of `after`, and an `ask`.
        of: TaskIndex,
        /// Times that the checked task is done anew, at most.
        rounds: u32,
    },
    /// A tool is called, without a model.
    Tool {
        /// Its name.
        tool: String,
        /// Its arguments.
        arguments: Map<String, Value>,
    },
}

impl Work {
    /// The agent that does it; `None` for a tool.
    pub fn agent(&self) -> Option<&AgentName> {
        match self {
            Self::Ask { agent, .. } | Self::Vote { agent, .. } | Self::Check { agent, .. } => {
                Some(agent)
            }
            Self::Tool { .. } => None,
        }
    }
}
