//! The events of a team, as they stand on the wire.
//!
//! Invariants: an event names requests by the id that the gateway gave them, and holds no text of
//! theirs; a client skips types that it does not know.

use harmonic_types::{AgentName, EnergyMethod, FinishReason, PowerScope, RequestId, Usage, Watts};
use serde::{Deserialize, Serialize};

/// One event of a running team. `engine` is [`harmonic_types::EnginePlan::id`], `slot` the sequence
/// of the engine that a request runs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TeamEvent {
    /// A request entered the queue of its agent.
    RequestQueued {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Its agent.
        agent: AgentName,
        /// Tokens of its rendered prompt.
        prompt_tokens: u32,
    },
    /// A queued request got a slot.
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
    /// The first tokens of its prompt are computed.
    PrefillStarted {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Tokens of the prompt that were restored instead of computed.
        cached_tokens: u32,
    },
    /// The first token of its answer was sampled.
    FirstToken {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
    },
    /// It gave a borrowed slot back; its state is saved.
    RequestPreempted {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
    },
    /// It goes on where it was preempted.
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
    /// It goes on in another slot: live sequences are kept side by side.
    RequestMoved {
        /// Its engine.
        engine: String,
        /// Its id.
        request: RequestId,
        /// Its slot from now on.
        slot: u32,
    },
    /// It is over.
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
    /// An engine is being started, the first time or again.
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
    /// An engine serves.
    EngineReady {
        /// Which.
        engine: String,
        /// Time of the start, in milliseconds.
        took_ms: u64,
    },
    /// An engine died, or could not be started.
    EngineDied {
        /// Which.
        engine: String,
        /// What is known of the cause.
        message: String,
        /// Time until it is started again, in milliseconds; null where it is given up.
        restart_in_ms: Option<u64>,
    },
    /// An engine was stopped on purpose.
    EngineStopped {
        /// Which.
        engine: String,
    },
    /// The slots of an engine's agents: when it begins to run, and when they were changed.
    SlotsChanged {
        /// Which.
        engine: String,
        /// The slots from now on, of all its agents in the order of the plan.
        agents: Vec<AgentSlots>,
    },
    /// What an engine computed in about a second.
    Step(StepRecord),
    /// Power of the machine, over about a second.
    Power(PowerSample),
    /// A type that this build does not know.
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

/// How a request ended.
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

/// What an engine computed since its last record. There is none for a second without a step.
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
    /// What part of the machine is covered.
    pub scope: PowerScope,
    /// How the energy is known.
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
            Self::Unknown => "unknown",
        }
    }
}
