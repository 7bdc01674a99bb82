//! A task while a run does it: its steps, the calls of agents and tools that they take.

use std::collections::BTreeMap;

use harmonic_types::{
    AgentName, Message, RunSpent, Task, TaskSpan, TaskState, Tool, ToolEffects, Work,
};
use serde_json::Value;

use crate::approval::ApprovalId;
use crate::call::{CallId, CallPurpose, TaskId};
use crate::input::TimerId;
use crate::prompt::Objection;

/// A task and what was done for it.
#[derive(Clone, Debug)]
pub(super) struct TaskNode {
    pub(super) id: TaskId,
    /// Number in prompts, independent of the order in which tasks were done.
    pub(super) label: String,
    pub(super) title: String,
    pub(super) work: NodeWork,
    /// Tasks whose artifacts are read.
    pub(super) after: Vec<TaskId>,
    pub(super) max_tokens: Option<u32>,
    /// The task as the graph has it; `None` for what is not in a graph.
    pub(super) source: Option<Task>,
    /// The director whose branch it is part of.
    pub(super) parent: Option<TaskId>,
    pub(super) state: TaskState,
    /// Cause of a failure or a skip.
    pub(super) reason: Option<String>,
    pub(super) artifact: Option<Artifact>,
    /// Times that it was done anew because a check sent it back.
    pub(super) attempt: u32,
    /// Times that a check of its own artifact sent it back.
    pub(super) sent_back: u32,
    pub(super) objection: Option<Objection>,
    pub(super) steps: Vec<Step>,
    pub(super) tool_steps: Vec<ToolStep>,
    /// Calls of tools so far, by tool and arguments.
    pub(super) memory: BTreeMap<(String, String), Remembered>,
    /// Texts that came with calls of tools.
    pub(super) words: Vec<String>,
    /// Artifacts that its prompt does not show whole.
    pub(super) has_shortened: bool,
    /// Inputs that failed, by title.
    pub(super) missing: Vec<String>,
    /// The last task of its branch.
    pub(super) branch: Option<TaskId>,
    pub(super) spans: Vec<TaskSpan>,
    pub(super) spent: RunSpent,
    pub(super) millijoules: Option<u64>,
}

/// Work of a task.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NodeWork {
    Plan { repairs: u32 },
    Ask { agent: AgentName, instruction: String },
    Vote { agent: AgentName, instruction: String, samples: u32, judge: Option<AgentName> },
    Check { agent: AgentName, instruction: String, of: TaskId, rounds: u32 },
    Tool { tool: String, arguments: String },
    Condense { agent: AgentName, of: TaskId, attempt: u32, share: u32 },
}

/// Result of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Artifact {
    pub(super) text: String,
    pub(super) tokens: u32,
}

/// A call of an agent that a task takes, with its repetitions.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) purpose: CallPurpose,
    pub(super) agent: AgentName,
    pub(super) messages: Vec<Message>,
    pub(super) tools: Vec<Tool>,
    pub(super) json_schema: Option<String>,
    pub(super) prompt_tokens: u32,
    pub(super) turn: u32,
    /// Maximum tokens; `None` is what the context leaves.
    pub(super) max_tokens: Option<u32>,
    pub(super) state: StepState,
    pub(super) retries: u32,
    /// Whether it was made anew for a stall, a broken form or an empty answer.
    pub(super) was_repeated: bool,
    pub(super) was_lengthened: bool,
}

/// State of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepState {
    /// To be offered as soon as the budget bears it.
    Wanted,
    /// To be offered when a timer fires.
    Waiting(TimerId),
    /// Offered, with as many tokens of answer.
    Open(CallId, u32),
    /// Its answer has called tools, whose results are due.
    Tools,
    /// Answered.
    Done { text: String, tokens: u32 },
    /// Failed for good.
    Failed(String),
}

/// A call of a tool that a task takes.
#[derive(Clone, Debug)]
pub(super) struct ToolStep {
    /// The model's identifier of the call; empty where no model calls.
    pub(super) id: String,
    pub(super) tool: String,
    pub(super) arguments: String,
    pub(super) effects: ToolEffects,
    pub(super) state: ToolState,
    pub(super) was_repeated: bool,
}

/// State of a call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToolState {
    /// A person is asked, whether it may be made, or made again.
    Asking(ApprovalId, CallId),
    /// To be made.
    Ready(CallId),
    /// Being made; with its intent written, it may have happened.
    Open { call: CallId, is_intended: bool },
    /// A branch of tasks does it.
    Branch,
    /// What the model reads.
    Done { text: String, tokens: u32, is_error: bool },
}

/// A call that was made before.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    pub(super) times: u32,
    pub(super) result: Option<String>,
}

impl TaskNode {
    /// A task that nothing was done for.
    pub(super) fn new(id: TaskId, label: String, title: String, work: NodeWork) -> Self {
        Self {
            id,
            label,
            title,
            work,
            after: Vec::new(),
            max_tokens: None,
            source: None,
            parent: None,
            state: TaskState::Blocked,
            reason: None,
            artifact: None,
            attempt: 0,
            sent_back: 0,
            objection: None,
            steps: Vec::new(),
            tool_steps: Vec::new(),
            memory: BTreeMap::new(),
            words: Vec::new(),
            has_shortened: false,
            missing: Vec::new(),
            branch: None,
            spans: Vec::new(),
            spent: RunSpent::default(),
            millijoules: None,
        }
    }

    /// The task `task` of a graph, whose references `id_of` resolves.
    pub(super) fn of_graph(
        id: TaskId,
        label: String,
        task: &Task,
        id_of: impl Fn(harmonic_types::TaskIndex) -> TaskId,
    ) -> Self {
        let work = match task.work.clone() {
            Work::Ask { agent, instruction } => NodeWork::Ask { agent, instruction },
            Work::Vote { agent, instruction, samples, judge } => {
                NodeWork::Vote { agent, instruction, samples, judge }
            }
            Work::Check { agent, instruction, of, rounds } => {
                NodeWork::Check { agent, instruction, of: id_of(of), rounds }
            }
            Work::Tool { tool, arguments } => {
                NodeWork::Tool { tool, arguments: Value::Object(arguments).to_string() }
            }
        };
        let mut node = Self::new(id, label, task.title.clone(), work);
        node.after = task.after.iter().copied().map(id_of).collect();
        node.max_tokens = task.max_tokens;
        node.source = Some(task.clone());
        node
    }

    /// Whether nothing more is done for it.
    pub(super) fn is_resolved(&self) -> bool {
        matches!(self.state, TaskState::Done | TaskState::Failed | TaskState::Skipped)
    }

    /// Kind of work, as records have it.
    pub(super) fn kind(&self) -> &'static str {
        match self.work {
            NodeWork::Plan { .. } => "plan",
            NodeWork::Ask { .. } => "ask",
            NodeWork::Vote { .. } => "vote",
            NodeWork::Check { .. } => "check",
            NodeWork::Tool { .. } => "tool",
            NodeWork::Condense { .. } => "condense",
        }
    }

    /// Its agent; `None` for a tool, and for the planning, which the executive does.
    pub(super) fn agent(&self) -> Option<&AgentName> {
        match &self.work {
            NodeWork::Ask { agent, .. }
            | NodeWork::Vote { agent, .. }
            | NodeWork::Check { agent, .. }
            | NodeWork::Condense { agent, .. } => Some(agent),
            NodeWork::Tool { .. } | NodeWork::Plan { .. } => None,
        }
    }

    /// Whether a call of it may have changed something.
    pub(super) fn may_have_written(&self) -> bool {
        matches!(self.work, NodeWork::Tool { .. })
            && self.tool_steps.iter().any(|step| {
                !matches!(step.effects, ToolEffects::ReadOnly | ToolEffects::Idempotent)
            })
    }

    /// Forgets what was done, so that it is done anew.
    pub(super) fn reset(&mut self) {
        self.state = TaskState::Blocked;
        self.reason = None;
        self.artifact = None;
        self.attempt += 1;
        self.steps.clear();
        self.tool_steps.clear();
        self.memory.clear();
        self.words.clear();
        self.missing.clear();
        self.has_shortened = false;
        self.branch = None;
    }
}

impl Step {
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, StepState::Done { .. } | StepState::Failed(_))
    }
}

impl ToolState {
    pub(super) fn done(text: impl Into<String>, is_error: bool) -> Self {
        let text = text.into();
        let tokens = crate::prompt::upper_tokens(&text);
        Self::Done { text, tokens, is_error }
    }
}
