//! Calls of agents, and what comes of them.

use harmonic_types::{AgentName, FinishReason, Message, TaskSpan, Tool, ToolCall, Usage};
use serde::{Deserialize, Serialize};

use crate::spec::RunClass;

/// Identifier of a call of an agent or a tool, unique within a run. A call that is made anew has a
/// new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub u64);

/// Identifier of a task within a run, in order of creation: of the planning, the tasks of the graph,
/// those that a director's split added, and condensations. Not the position in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u32);

/// Purpose of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum CallPurpose {
    /// The plan. Its text is fed as it comes ([`crate::Input::PlanText`]).
    Plan,
    /// A task's answer.
    Ask,
    /// One answer of a vote.
    Sample {
        /// Its position, from 0.
        index: u32,
    },
    /// The choice among the answers of a vote.
    Judge,
    /// The verdict of a check.
    Check,
    /// A shorter version of an artifact.
    Condense,
}

/// A call of an agent.
///
/// The messages begin with a system turn, which stands alone: the driver tells the engine not to
/// put the agent's own system prompt first. Sampling is the agent's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallSpec {
    /// Identifier.
    pub call: CallId,
    /// The task that it belongs to.
    pub task: TaskId,
    /// Title of that task.
    pub title: String,
    /// Purpose.
    pub purpose: CallPurpose,
    /// The agent.
    pub agent: AgentName,
    /// Turn of the task's conversation, from 0.
    pub turn: u32,
    /// The conversation.
    pub messages: Vec<Message>,
    /// Tools that the answer may call.
    pub tools: Vec<Tool>,
    /// JSON Schema of the answer, as JSON text; `None` is free text.
    pub json_schema: Option<String>,
    /// Tokens of the prompt, estimated from the counts of its parts.
    pub prompt_tokens: u32,
    /// Maximum tokens of the answer.
    pub max_tokens: u32,
    /// Whether the answer goes on past the model's end of turn, to `max_tokens`.
    pub ignore_eos: bool,
    /// Seed of the sampler.
    pub seed: u64,
    /// Priority class.
    pub class: RunClass,
    /// Time without a token, once it has its slot, after which the driver gives it up and reports
    /// [`CallFailure::Stalled`], in milliseconds.
    pub idle_ms: u64,
}

/// Answer of an agent, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallAnswer {
    /// Text, without reasoning.
    pub text: String,
    /// Tools that it calls.
    #[serde(default)]
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended.
    pub finish: FinishReason,
    /// Token counts.
    pub usage: Usage,
    /// Energy beyond idle power, in millijoules; `None` without a meter.
    pub millijoules: Option<u64>,
    /// Its times.
    #[serde(default)]
    pub spans: Vec<TaskSpan>,
}

/// Failure of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum CallFailure {
    /// The engine is restarting, or died during the answer: the call is made anew.
    Restarting {
        /// Time until a retry, in milliseconds.
        retry_after_ms: u64,
    },
    /// The queue is full: the call is made anew.
    Busy {
        /// Time until a retry, in milliseconds.
        retry_after_ms: u64,
    },
    /// No token came within the time: the call is made anew, once.
    Stalled,
    /// The answer could not continue under its schema: the call is made anew, once.
    Form {
        /// Cause.
        message: String,
    },
    /// [`crate::Action::Cancel`] was obeyed.
    Cancelled,
    /// The call is refused, or the engine died for good: it is not made anew.
    Refused {
        /// Cause.
        message: String,
    },
}
