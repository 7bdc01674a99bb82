//! What an engine publishes of its requests and steps.
//!
//! Invariants: events go out in the order in which things happen on the engine's thread; one step
//! record a second at most, and none for a second without a step; publishing never waits.

use std::time::Duration;

use harmonic_admission::{AgentLoad, Tick};
use harmonic_events::{AgentSlots, AgentStep, EventStream, Outcome, StepRecord, TeamEvent};
use harmonic_types::{AgentName, RequestClass, RequestId, Usage};

use crate::scheduler::{Change, Grant};

/// Time that a step record covers.
const WINDOW: Duration = Duration::from_secs(1);

/// An engine's way to the event stream.
#[derive(Debug)]
pub struct Publisher {
    stream: EventStream,
    engine: String,
    agents: Vec<AgentName>,
    window: Option<Window>,
    /// Tokens since the last record, by agent. A token that was late may come between two windows.
    tokens: Vec<Computed>,
}

/// What was computed since the last step record.
#[derive(Debug)]
struct Window {
    began: Tick,
    busy: Duration,
    steps: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Computed {
    prefill: u32,
    output: u32,
}

impl Publisher {
    /// For the engine `engine`, with its agents in the order of its configuration.
    pub fn new(stream: EventStream, engine: String, agents: Vec<AgentName>) -> Self {
        let tokens = vec![Computed::default(); agents.len()];
        Self { stream, engine, agents, window: None, tokens }
    }

    /// A request entered the queue of its agent.
    pub fn queued(
        &self,
        request: RequestId,
        agent: AgentName,
        class: RequestClass,
        prompt_tokens: u32,
    ) {
        let engine = self.engine.clone();
        let event = TeamEvent::RequestQueued { engine, request, agent, class, prompt_tokens };
        self.stream.publish(event);
    }

    /// A request runs in `slot`, which may be borrowed, after it was `queued`.
    pub fn admitted(&self, request: RequestId, slot: u32, borrowed: bool, queued: Duration) {
        let (engine, queued_us) = (self.engine.clone(), micros(queued));
        let event = TeamEvent::RequestAdmitted { engine, request, slot, borrowed, queued_us };
        self.stream.publish(event);
    }

    /// A change of what runs, of the request that clients know as `request`.
    pub(crate) fn changed(&self, change: &Change, request: RequestId) {
        let engine = self.engine.clone();
        self.stream.publish(match *change {
            Change::Start(Grant { seq, queued, borrowed, .. }) => {
                return self.admitted(request, seq.0, borrowed, queued);
            }
            Change::Preempt { .. } => TeamEvent::RequestPreempted { engine, request },
            Change::Resume { seq, borrowed, .. } => {
                TeamEvent::RequestResumed { engine, request, slot: seq.0, borrowed }
            }
            Change::Move { seq, .. } => TeamEvent::RequestMoved { engine, request, slot: seq.0 },
        });
    }

    pub(crate) fn prefill_started(&self, request: RequestId, cached_tokens: u32) {
        let engine = self.engine.clone();
        self.stream.publish(TeamEvent::PrefillStarted { engine, request, cached_tokens });
    }

    /// The first token of an answer was sampled.
    pub fn first_token(&self, request: RequestId) {
        let engine = self.engine.clone();
        self.stream.publish(TeamEvent::FirstToken { engine, request });
    }

    /// A request has ended.
    pub fn finished(&self, request: RequestId, outcome: Outcome, usage: Option<Usage>) {
        let engine = self.engine.clone();
        self.stream.publish(TeamEvent::RequestFinished { engine, request, outcome, usage });
    }

    /// The slots of all agents, in the order of the configuration.
    pub fn slots_changed(&self, load: &[AgentLoad]) {
        let agents = self.agents.iter().zip(load).map(|(agent, load)| AgentSlots {
            agent: agent.clone(),
            slots: load.slots,
            quota: Some(load.quota),
        });
        let engine = self.engine.clone();
        self.stream.publish(TeamEvent::SlotsChanged { engine, agents: agents.collect() });
    }

    /// Counts tokens of a prompt that the step under way computes for the agent at `agent`.
    pub fn count_prefill(&mut self, agent: usize, tokens: u32) {
        if let Some(computed) = self.tokens.get_mut(agent) {
            computed.prefill = computed.prefill.saturating_add(tokens);
        }
    }

    /// Counts tokens of answers of the agent at `agent`.
    pub fn count_output(&mut self, agent: usize, tokens: u32) {
        if let Some(computed) = self.tokens.get_mut(agent) {
            computed.output = computed.output.saturating_add(tokens);
        }
    }

    /// Begins the window of the next record, unless one is open.
    pub fn step_begins(&mut self, at: Tick) {
        let new = || Window { began: at, busy: Duration::ZERO, steps: 0 };
        self.window.get_or_insert_with(new);
    }

    /// Takes the time of a step that computed something; publishes the record when it is due.
    pub fn step_ended(&mut self, began: Tick, now: Tick) {
        if let Some(window) = &mut self.window {
            window.steps += 1;
            window.busy += now.since(began);
        }
        if self.until_record(now) == Some(Duration::ZERO) {
            self.publish_record(now);
        }
    }

    /// Time until the open record is due; `None` where none is open.
    pub fn until_record(&self, now: Tick) -> Option<Duration> {
        self.window.as_ref().map(|window| WINDOW.saturating_sub(now.since(window.began)))
    }

    /// Publishes the open record, if there is one.
    pub fn publish_record(&mut self, now: Tick) {
        let Some(window) = self.window.take() else { return };
        let computed = self.agents.iter().zip(self.tokens.iter_mut().map(std::mem::take));
        let agents = computed.filter(|(_, tokens)| tokens.prefill > 0 || tokens.output > 0);
        let agents = agents.map(|(agent, tokens)| AgentStep {
            agent: agent.clone(),
            prefill_tokens: tokens.prefill,
            output_tokens: tokens.output,
        });
        self.stream.publish(TeamEvent::Step(StepRecord {
            engine: self.engine.clone(),
            window_us: micros(now.since(window.began)),
            busy_us: micros(window.busy),
            steps: window.steps,
            agents: agents.collect(),
        }));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
