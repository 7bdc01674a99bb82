//! The state of a team that its events add up to.
//!
//! Invariants: the ring folds each event into its own snapshot as it is published, and a client
//! folds the events that it receives, by the same function; so a snapshot and the events after it
//! give the next snapshot. Events of unknown engines and requests are ignored: a client may start
//! anywhere in the stream.

use std::borrow::Cow;

use harmonic_types::{AgentName, RequestClass, RequestId};
use serde::{Deserialize, Serialize};

use crate::event::{AgentSlots, PowerSample, StepRecord, TeamEvent};
use crate::record::EventRecord;
use crate::requests::OpenRequests;
use crate::run::{self, OpenRun};

/// The state of a team after the event `id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`crate::SCHEMA`].
    pub schema: String,
    /// Id of the last event that it holds.
    pub id: u64,
    /// Time of that event, in microseconds since 1970; that of the stream's start before the first.
    pub at_us: u64,
    /// Engines, in the order in which they were started.
    pub engines: Vec<EngineSnapshot>,
    /// Latest power sample; null where there is none.
    pub power: Option<PowerSample>,
    /// Runs that are driven, in the order of their starts.
    #[serde(default)]
    pub runs: Vec<OpenRun>,
}

/// One engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineSnapshot {
    /// Its id in the plan.
    pub engine: String,
    /// Its base model.
    pub model: String,
    /// Whether it can serve.
    pub state: EngineState,
    /// Cause of its last death; null where it has not died.
    pub message: Option<String>,
    /// Sequences that it can run at once.
    pub sequences: u32,
    /// Its agents, in the order of the plan.
    pub agents: Vec<AgentSlots>,
    /// Its requests that are not over, in the order of their offers.
    pub requests: OpenRequests,
    /// Its latest step record; null where there is none.
    pub step: Option<StepRecord>,
    /// Time of that record, in microseconds since 1970; null where there is none.
    pub step_at_us: Option<u64>,
}

/// Whether an engine can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineState {
    /// It is being started.
    Starting,
    /// It serves.
    Ready,
    /// It died and is started again.
    Restarting,
    /// It died and is given up.
    Died,
    /// It was stopped.
    Stopped,
}

impl EngineState {
    /// Its name, as on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Restarting => "restarting",
            Self::Died => "died",
            Self::Stopped => "stopped",
        }
    }
}

/// One request that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSnapshot {
    /// Its id.
    pub request: RequestId,
    /// Its agent.
    pub agent: AgentName,
    /// Its priority class; absent where it is interactive.
    #[serde(default, skip_serializing_if = "RequestClass::is_interactive")]
    pub class: RequestClass,
    /// Its phase.
    pub phase: Phase,
    /// Start of that phase, in microseconds since 1970.
    pub since_us: u64,
    /// Time of its offer, in microseconds since 1970.
    pub queued_at_us: u64,
    /// Its slot; null while it has none.
    pub slot: Option<u32>,
    /// Whether it was beyond its agent's quota when it got the slot.
    pub borrowed: bool,
    /// Tokens of its rendered prompt.
    pub prompt_tokens: u32,
    /// Tokens of its prompt that were restored; null before its prefill.
    pub cached_tokens: Option<u32>,
    /// Whether its first token was sampled.
    pub has_output: bool,
}

/// Phase of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting for a slot.
    Queued,
    /// In a slot, before its prefill.
    Admitted,
    /// In prefill.
    Prefill,
    /// In decode.
    Decode,
    /// Preempted, waiting to resume.
    Preempted,
}

/// Requests of one agent by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentCounts {
    /// Requests that have a slot.
    pub in_flight: u32,
    /// Those of them beyond the agent's quota.
    pub borrowed: u32,
    /// Requests that are preempted.
    pub preempted: u32,
    /// Requests that have not run yet.
    pub queued: u32,
}

impl Snapshot {
    /// The state of a team without engines, before the event after `id`.
    pub fn empty(id: u64, at_us: u64) -> Self {
        let schema = crate::SCHEMA.to_owned();
        Self { schema, id, at_us, engines: Vec::new(), power: None, runs: Vec::new() }
    }

    /// The state as a listener with the key `key` may see it.
    pub fn visible_to(&self, key: Option<&str>) -> Cow<'_, Self> {
        if self.runs.iter().all(|run| run.audience.includes(key)) {
            return Cow::Borrowed(self);
        }
        let mut visible = self.clone();
        visible.runs.retain(|run| run.audience.includes(key));
        Cow::Owned(visible)
    }

    /// Folds an event into the state.
    pub fn apply(&mut self, record: &EventRecord) {
        (self.id, self.at_us) = (record.id, record.at_us);
        match &record.event {
            TeamEvent::EngineStarting { .. }
            | TeamEvent::EngineReady { .. }
            | TeamEvent::EngineDied { .. }
            | TeamEvent::EngineStopped { .. }
            | TeamEvent::SlotsChanged { .. }
            | TeamEvent::Step(_) => self.apply_to_engine(&record.event, record.at_us),
            TeamEvent::Power(sample) => self.power = Some(*sample),
            TeamEvent::RunStarted { .. }
            | TeamEvent::RunState { .. }
            | TeamEvent::RunEnded { .. }
            | TeamEvent::TaskOffered { .. }
            | TeamEvent::TaskStarted { .. }
            | TeamEvent::TaskEnded { .. }
            | TeamEvent::ApprovalOpened { .. }
            | TeamEvent::ApprovalAnswered { .. } => run::apply(&mut self.runs, record),
            TeamEvent::Unknown => {}
            _ => self.apply_to_request(&record.event, record.at_us),
        }
    }

    fn apply_to_request(&mut self, event: &TeamEvent, at_us: u64) {
        match event {
            TeamEvent::RequestQueued { engine, request, agent, class, prompt_tokens } => {
                if let Some(engine) = self.engine(engine) {
                    engine.requests.offer(RequestSnapshot {
                        request: *request,
                        agent: agent.clone(),
                        class: *class,
                        phase: Phase::Queued,
                        since_us: at_us,
                        queued_at_us: at_us,
                        slot: None,
                        borrowed: false,
                        prompt_tokens: *prompt_tokens,
                        cached_tokens: None,
                        has_output: false,
                    });
                }
            }
            TeamEvent::RequestAdmitted { engine, request, slot, borrowed, .. } => {
                self.change(engine, *request, |state| {
                    state.enter(Phase::Admitted, at_us);
                    (state.slot, state.borrowed) = (Some(*slot), *borrowed);
                });
            }
            TeamEvent::PrefillStarted { engine, request, cached_tokens } => {
                self.change(engine, *request, |state| {
                    state.enter(Phase::Prefill, at_us);
                    state.cached_tokens = Some(*cached_tokens);
                });
            }
            TeamEvent::FirstToken { engine, request } => {
                self.change(engine, *request, |state| {
                    state.enter(Phase::Decode, at_us);
                    state.has_output = true;
                });
            }
            TeamEvent::RequestPreempted { engine, request } => {
                self.change(engine, *request, |state| {
                    state.enter(Phase::Preempted, at_us);
                    (state.slot, state.borrowed) = (None, false);
                });
            }
            TeamEvent::RequestResumed { engine, request, slot, borrowed } => {
                self.change(engine, *request, |state| {
                    state.enter(state.phase_in_slot(), at_us);
                    (state.slot, state.borrowed) = (Some(*slot), *borrowed);
                });
            }
            TeamEvent::RequestMoved { engine, request, slot } => {
                self.change(engine, *request, |state| state.slot = Some(*slot));
            }
            TeamEvent::RequestFinished { engine, request, .. } => {
                if let Some(engine) = self.engine(engine) {
                    engine.requests.remove(*request);
                }
            }
            _ => {}
        }
    }

    fn apply_to_engine(&mut self, event: &TeamEvent, at_us: u64) {
        if let TeamEvent::EngineStarting { engine, model, sequences, agents } = event {
            let mut starting = EngineSnapshot {
                engine: engine.clone(),
                model: model.clone(),
                state: EngineState::Starting,
                message: None,
                sequences: *sequences,
                agents: agents.clone(),
                requests: OpenRequests::default(),
                step: None,
                step_at_us: None,
            };
            match self.engine(engine) {
                Some(known) => {
                    starting.message = known.message.take();
                    *known = starting;
                }
                None => self.engines.push(starting),
            }
            return;
        }
        let (TeamEvent::EngineReady { engine, .. }
        | TeamEvent::EngineDied { engine, .. }
        | TeamEvent::EngineStopped { engine }
        | TeamEvent::SlotsChanged { engine, .. }
        | TeamEvent::Step(StepRecord { engine, .. })) = event
        else {
            return;
        };
        let Some(known) = self.engine(engine) else { return };
        match event {
            TeamEvent::EngineReady { .. } => known.state = EngineState::Ready,
            TeamEvent::EngineDied { message, restart_in_ms, .. } => {
                let restarts = restart_in_ms.is_some();
                known.state = if restarts { EngineState::Restarting } else { EngineState::Died };
                known.message = Some(message.clone());
                known.requests.clear();
            }
            TeamEvent::EngineStopped { .. } => {
                known.state = EngineState::Stopped;
                known.requests.clear();
            }
            TeamEvent::SlotsChanged { agents, .. } => known.agents.clone_from(agents),
            TeamEvent::Step(step) => {
                (known.step, known.step_at_us) = (Some(step.clone()), Some(at_us));
            }
            _ => {}
        }
    }

    fn engine(&mut self, id: &str) -> Option<&mut EngineSnapshot> {
        self.engines.iter_mut().find(|engine| engine.engine == id)
    }

    fn change(&mut self, engine: &str, id: RequestId, change: impl FnOnce(&mut RequestSnapshot)) {
        if let Some(state) = self.engine(engine).and_then(|engine| engine.requests.get_mut(id)) {
            change(state);
        }
    }
}

impl EngineSnapshot {
    /// Requests of `agent` by phase.
    pub fn counts(&self, agent: &AgentName) -> AgentCounts {
        let mut counts = AgentCounts::default();
        for request in self.requests.iter().filter(|request| request.agent == *agent) {
            match request.phase {
                Phase::Queued => counts.queued += 1,
                Phase::Preempted => counts.preempted += 1,
                Phase::Admitted | Phase::Prefill | Phase::Decode => counts.in_flight += 1,
            }
        }
        // Slots are counts, not places: of two requests beyond a quota none is the borrower once a
        // third is over.
        let quota = self.agents.iter().find(|own| own.agent == *agent).and_then(|own| own.quota);
        counts.borrowed = quota.map_or(0, |quota| counts.in_flight.saturating_sub(quota));
        counts
    }
}

impl RequestSnapshot {
    /// Its phase once it has a slot again.
    fn phase_in_slot(&self) -> Phase {
        match (self.has_output, self.cached_tokens) {
            (true, _) => Phase::Decode,
            (false, Some(_)) => Phase::Prefill,
            (false, None) => Phase::Admitted,
        }
    }

    fn enter(&mut self, phase: Phase, at_us: u64) {
        (self.phase, self.since_us) = (phase, at_us);
    }
}
