//! The events of a team, as they stand on the wire.
//!
//! Invariants: an event names requests by the id that the gateway gave them, runs and their tasks by
//! theirs, and holds no text of them; a client skips types that it does not know.

use harmonic_types::{
    AgentName, EnergyMethod, FinishReason, PowerScope, RequestClass, RequestId, RunId, TaskState,
    Usage, Watts,
};
use serde::{Deserialize, Serialize};

use crate::run::{ApprovalOutcome, RunStatus};

/// One event of a running team. `engine` is [`harmonic_types::EnginePlan::id`], `slot` the sequence
/// of the engine that a request runs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TeamEvent {
    /// Request that entered its agent's queue.
    RequestQueued {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Its agent.
        agent: AgentName,
        /// Its priority class; absent where it is interactive.
        #[serde(default, skip_serializing_if = "RequestClass::is_interactive")]
        class: RequestClass,
        /// Tokens of its rendered prompt.
        prompt_tokens: u32,
    },
    /// Queued request that was assigned a slot.
    RequestAdmitted {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Its slot.
        slot: u32,
        /// Whether it is beyond its agent's quota as it gets the slot.
        borrowed: bool,
        /// Time in the queue, in microseconds of the engine's clock.
        queued_us: u64,
    },
    /// Start of a request's prefill.
    PrefillStarted {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Tokens of the prompt that were restored instead of computed.
        cached_tokens: u32,
    },
    /// First token of a request's answer.
    FirstToken {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
    },
    /// Request that lost a borrowed slot; its state is saved.
    RequestPreempted {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
    },
    /// Preempted request that was assigned a slot again.
    RequestResumed {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Its slot from now on.
        slot: u32,
        /// Whether it is beyond its agent's quota as it gets the slot.
        borrowed: bool,
    },
    /// Request that was moved to another slot by compaction.
    RequestMoved {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Its slot from now on.
        slot: u32,
    },
    /// End of a request.
    RequestFinished {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// How it ended.
        outcome: Outcome,
        /// Its token counts; null where the engine failed before they were known.
        usage: Option<Usage>,
    },
    /// Start of an engine, the first or a restart.
    EngineStarting {
        /// Which.
        engine: String,
        /// Its base model, as the plan names it.
        model: String,
        /// Sequences that it can run at once.
        sequences: u32,
        /// Its agents, in the order of the plan.
        agents: Vec<AgentSlots>,
    },
    /// Engine that serves.
    EngineReady {
        /// Which.
        engine: String,
        /// Time of the start, in milliseconds.
        took_ms: u64,
    },
    /// Death of an engine, or a failed start.
    EngineDied {
        /// Which.
        engine: String,
        /// Cause, as far as it is known.
        message: String,
        /// Time until it is started again, in milliseconds; null where it is given up.
        restart_in_ms: Option<u64>,
    },
    /// Engine that was drained.
    EngineStopped {
        /// Which.
        engine: String,
    },
    /// Slots of an engine's agents, at its start and at each change.
    SlotsChanged {
        /// Which.
        engine: String,
        /// The slots from now on, of all its agents in the order of the plan.
        agents: Vec<AgentSlots>,
    },
    /// Computation of an engine in about a second.
    Step(StepRecord),
    /// Power of the machine, over about a second.
    Power(PowerSample),
    /// Run that is driven from now on: it starts, or goes on.
    RunStarted {
        /// Which.
        run: RunId,
    },
    /// State of a run, while it is driven.
    RunState {
        /// Which.
        run: RunId,
        /// The state.
        state: RunStatus,
    },
    /// Run that is driven no longer.
    RunEnded {
        /// Which.
        run: RunId,
        /// Its state from now on.
        state: RunStatus,
    },
    /// Task of a run that was offered to an engine or a tool.
    TaskOffered {
        /// Its run.
        run: RunId,
        /// Its id within the run.
        task: u32,
        /// Its agent; null for a tool.
        agent: Option<AgentName>,
    },
    /// Offered task that has its slot, or whose tool is called.
    TaskStarted {
        /// Its run.
        run: RunId,
        /// Its id within the run.
        task: u32,
        /// Its slot; null for a tool.
        slot: Option<u32>,
    },
    /// End of a task.
    TaskEnded {
        /// Its run.
        run: RunId,
        /// Its id within the run.
        task: u32,
        /// Its state from now on.
        state: TaskState,
    },
    /// Question of a run to a person.
    ApprovalOpened {
        /// Its run.
        run: RunId,
        /// Its id within the run.
        approval: u64,
    },
    /// Question that is open no longer.
    ApprovalAnswered {
        /// Its run.
        run: RunId,
        /// Its id within the run.
        approval: u64,
        /// Its answer.
        outcome: ApprovalOutcome,
    },
    /// Event type unknown to this build.
    #[serde(other)]
    Unknown,
}

/// Slots of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSlots {
    /// Its name.
    pub agent: AgentName,
    /// Its planned slots.
    pub slots: u32,
    /// Requests that it may have in flight without borrowing; null before the engine runs.
    pub quota: Option<u32>,
}

/// Outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model ended its turn, or met a stop string.
    Stop,
    /// `max_tokens` or the context is exhausted.
    Length,
    /// It ends with tool calls.
    ToolCalls,
    /// The client went away, or the deployment was drained.
    Cancelled,
    /// The answer could not go on in the form that was asked for.
    FormBroken,
    /// The engine failed.
    Failed,
}

impl From<FinishReason> for Outcome {
    fn from(reason: FinishReason) -> Self {
        match reason {
            FinishReason::Stop | FinishReason::StopString { .. } => Self::Stop,
            FinishReason::Length => Self::Length,
            FinishReason::ToolCalls => Self::ToolCalls,
            FinishReason::Cancelled => Self::Cancelled,
        }
    }
}

/// Computation of an engine since its last record. A second without a step has no record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Which engine.
    pub engine: String,
    /// Time that the record covers, in microseconds.
    pub window_us: u64,
    /// Time of that in steps, in microseconds.
    pub busy_us: u64,
    /// Steps that computed something.
    pub steps: u32,
    /// Tokens by agent, of the agents that had any.
    pub agents: Vec<AgentStep>,
}

impl StepRecord {
    /// Output tokens of all agents.
    pub fn output_tokens(&self) -> u64 {
        self.agents.iter().map(|agent| u64::from(agent.output_tokens)).sum()
    }
}

/// Tokens of one agent in a [`StepRecord`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStep {
    /// Its name.
    pub agent: AgentName,
    /// Tokens of prompts that were computed.
    pub prefill_tokens: u32,
    /// Tokens of answers that were sampled.
    pub output_tokens: u32,
}

/// Mean power over the time since the sample before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PowerSample {
    /// Part of the machine that is covered.
    pub scope: PowerScope,
    /// Method of the energy reading.
    pub method: EnergyMethod,
    /// Power.
    pub watts: Watts,
    /// Time that it is the mean of, in milliseconds.
    pub window_ms: u64,
}

impl TeamEvent {
    /// Its type, as it stands on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequestQueued { .. } => "request_queued",
            Self::RequestAdmitted { .. } => "request_admitted",
            Self::PrefillStarted { .. } => "prefill_started",
            Self::FirstToken { .. } => "first_token",
            Self::RequestPreempted { .. } => "request_preempted",
            Self::RequestResumed { .. } => "request_resumed",
            Self::RequestMoved { .. } => "request_moved",
            Self::RequestFinished { .. } => "request_finished",
            Self::EngineStarting { .. } => "engine_starting",
            Self::EngineReady { .. } => "engine_ready",
            Self::EngineDied { .. } => "engine_died",
            Self::EngineStopped { .. } => "engine_stopped",
            Self::SlotsChanged { .. } => "slots_changed",
            Self::Step(_) => "step",
            Self::Power(_) => "power",
            Self::RunStarted { .. } => "run_started",
            Self::RunState { .. } => "run_state",
            Self::RunEnded { .. } => "run_ended",
            Self::TaskOffered { .. } => "task_offered",
            Self::TaskStarted { .. } => "task_started",
            Self::TaskEnded { .. } => "task_ended",
            Self::ApprovalOpened { .. } => "approval_opened",
            Self::ApprovalAnswered { .. } => "approval_answered",
            Self::Unknown => "unknown",
        }
    }
}
