//! Specification of a run: all that it knows when it starts.

mod check;

use harmonic_types::{AgentName, RunBudget, RunId, TaskGraph, ToolSpec};
use serde::{Deserialize, Serialize};

use crate::agent::AgentProfile;
use crate::approval::AskPolicy;
use crate::graph::GraphErrors;
use crate::limits::RunLimits;
use crate::lineage::Lineage;

/// A text with its tokens, as the driver counted them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountedText {
    /// The text.
    pub text: String,
    /// Its tokens; where agents have several tokenizers, the largest count.
    pub tokens: u32,
}

/// Priority class of a run's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunClass {
    /// A person waits for it.
    #[default]
    Interactive,
    /// It gives way to people.
    Background,
}

/// Where a graph came from that was there before the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A recipe, by its name.
    Recipe(String),
    /// A file of the user.
    File,
    /// One agent alone.
    Solo,
}

/// How the tasks of a run are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "approach", rename_all = "snake_case", deny_unknown_fields)]
pub enum Approach {
    /// The executive writes a plan. Where the plan is not valid even after one repair, `fallback`
    /// is done.
    Plan {
        /// Whether the executive may answer alone instead.
        may_answer: bool,
        /// Graph of a recipe.
        fallback: TaskGraph,
        /// Name of that recipe.
        recipe: String,
    },
    /// The graph is there.
    Graph {
        /// The graph.
        graph: TaskGraph,
        /// Where it came from.
        origin: Origin,
    },
}

/// Specification of a run; the first entry of its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// Identifier.
    pub id: RunId,
    /// Time of the start, in milliseconds since the Unix epoch. All other times are milliseconds
    /// since then.
    pub started_ms: u64,
    /// The goal.
    pub goal: CountedText,
    /// Material that all tasks read; `None` where there is none.
    pub brief: Option<CountedText>,
    /// How the tasks are found.
    pub approach: Approach,
    /// The agents that may be asked. None that computes embeddings.
    pub agents: Vec<AgentProfile>,
    /// The agent that plans, and that joins where no other is named.
    pub executive: AgentName,
    /// The agent that condenses artifacts; `None` is the executive.
    pub operator: Option<AgentName>,
    /// Tools of the run.
    pub tools: Vec<ToolSpec>,
    /// Tools that the server's configuration allows to write or run without a person's yes, which
    /// counts with [`AskPolicy::Never`] only.
    pub granted: Vec<String>,
    /// When a person is asked.
    pub ask: AskPolicy,
    /// Bounds.
    pub budget: RunBudget,
    /// Whether the driver reports energy with each call. Without, a bound on energy is refused.
    pub has_meter: bool,
    /// Priority class.
    pub class: RunClass,
    /// Requests that the team can have in flight: the largest width that is worth planning.
    pub places: u32,
    /// Seed of which all seeds of calls are derived.
    pub seed: u64,
    /// The runs that it was started from.
    #[serde(default)]
    pub lineage: Lineage,
    /// Whether answers of [`crate::CallPurpose::Ask`] and [`crate::CallPurpose::Sample`] go on past the
    /// model's end of turn, to their bound: the work of a benchmark is the same each time.
    #[serde(default)]
    pub ignore_eos: bool,
    /// Limits.
    #[serde(default)]
    pub limits: RunLimits,
}

/// Error of a specification.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A field outside its range.
    #[error("invalid {field} `{value}`: expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The valid values.
        expected: String,
    },
    /// An agent that the run does not have.
    #[error("unknown agent `{agent}` as {field}{meant}: expected one of {known}")]
    UnknownAgent {
        /// The field.
        field: &'static str,
        /// The name.
        agent: AgentName,
        /// Suggestion, or empty.
        meant: String,
        /// The agents, comma-separated.
        known: String,
    },
    /// A run that was started from itself, or for the goal of a run above it.
    #[error(
        "the run is a loop: it has the goal of the run {ancestor}, from inside of which it was \
         started; answer without another run"
    )]
    Loop {
        /// The run above.
        ancestor: RunId,
    },
    /// A run within too many others.
    #[error(
        "the run would be {depth} levels below the first one, and {most} are allowed: answer \
         without another run"
    )]
    TooDeep {
        /// Its depth.
        depth: u32,
        /// Maximum.
        most: u32,
    },
    /// A run within one that has spent a bound.
    #[error(
        "the run {parent}, from inside of which it is started, has no {bound} left that are not \
         spent or reserved: wait for its other runs, or answer with what is there"
    )]
    NothingLeft {
        /// The run above.
        parent: RunId,
        /// Unit of what is spent: `tokens`, `milliseconds` or `joules`.
        bound: &'static str,
    },
    /// An invalid graph.
    #[error("{what}: {errors}")]
    Graph {
        /// Which graph.
        what: String,
        /// Its errors.
        errors: GraphErrors,
    },
}
