//! Changes of a run as events of the team's stream: ids and states, no text.
//!
//! Invariants: the events of a run go to its owner alone; its start is the first of them and its end
//! the last; a task is offered and started at most once before it ends.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use harmonic_api::runs::RunChange;
use harmonic_events::{ApprovalOutcome, Audience, EventStream, RunStatus, TeamEvent};
use harmonic_orchestrator::{ApprovalId, Decision, RunEvent, TaskId};
use harmonic_types::{RunId, TaskState};

/// Publisher of one run's events.
#[derive(Debug)]
pub(crate) struct RunPublisher {
    stream: EventStream,
    run: RunId,
    audience: Audience,
    told: Mutex<Told>,
}

/// What was published.
#[derive(Debug, Default)]
struct Told {
    /// The last state; `None` before the start and after the end.
    state: Option<RunStatus>,
    offered: BTreeSet<TaskId>,
    started: BTreeSet<TaskId>,
    approvals: BTreeSet<ApprovalId>,
}

impl RunPublisher {
    /// A publisher to `stream` of the run `run`, which belongs to the key `owner`.
    pub(crate) fn new(stream: EventStream, run: RunId, owner: Option<Arc<str>>) -> Self {
        Self { stream, run, audience: Audience::Key(owner), told: Mutex::default() }
    }

    /// Publishes that the run is driven from now on.
    pub(crate) fn start(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.state = Some(RunStatus::Running);
        self.send(TeamEvent::RunStarted { run: self.run.clone() });
    }

    /// Publishes what of `change` is an id or a state.
    pub(crate) fn publish(&self, change: &RunChange) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || self.run.clone();
        let event =
            match change {
                RunChange::Run(RunEvent::State { state }) => {
                    let state = RunStatus::from(state);
                    let last = told.state.replace(state);
                    // A state that ends it is told once nothing of it runs.
                    let is_news = last != Some(state) && !is_end(state);
                    is_news.then(|| TeamEvent::RunState { run: run(), state })
                }
                // Of a run that goes on, the state of a task may be no news.
                RunChange::Queued { task, agent, .. } => {
                    let agent = Some(agent.clone());
                    told.offered.insert(*task).then(|| TeamEvent::TaskOffered {
                        run: run(),
                        task: task.0,
                        agent,
                    })
                }
                RunChange::Run(RunEvent::Task { task, agent, state, .. }) => match state {
                    TaskState::Running => told.offered.insert(*task).then(|| {
                        TeamEvent::TaskOffered { run: run(), task: task.0, agent: agent.clone() }
                    }),
                    TaskState::Done | TaskState::Failed | TaskState::Skipped => {
                        told.offered.remove(task);
                        told.started.remove(task);
                        Some(TeamEvent::TaskEnded { run: run(), task: task.0, state: *state })
                    }
                    TaskState::Blocked | TaskState::WaitingForApproval => None,
                },
                RunChange::Granted { task, slot, .. } => told.started.insert(*task).then(|| {
                    TeamEvent::TaskStarted { run: run(), task: task.0, slot: Some(*slot) }
                }),
                RunChange::ToolCalled { task, .. } => told
                    .started
                    .insert(*task)
                    .then(|| TeamEvent::TaskStarted { run: run(), task: task.0, slot: None }),
                RunChange::Asked { approval } => told
                    .approvals
                    .insert(approval.id)
                    .then(|| TeamEvent::ApprovalOpened { run: run(), approval: approval.id.0 }),
                RunChange::Run(RunEvent::Decided { approval, decision, timed_out }) => {
                    let outcome = match (decision, timed_out) {
                        (_, true) => ApprovalOutcome::TimedOut,
                        (Decision::Approved, false) => ApprovalOutcome::Approved,
                        (Decision::Denied, false) => ApprovalOutcome::Denied,
                    };
                    self.answered(&mut told, *approval, outcome)
                }
                RunChange::Withdrawn { approval } => {
                    self.answered(&mut told, *approval, ApprovalOutcome::Withdrawn)
                }
                RunChange::Run(RunEvent::Graph { .. } | RunEvent::Note { .. })
                | RunChange::Preempted { .. }
                | RunChange::Text { .. }
                | RunChange::CallEnded { .. }
                | RunChange::Spent { .. } => None,
            };
        if let Some(event) = event {
            self.send(event);
        }
    }

    /// Publishes that the run is driven no longer.
    pub(crate) fn end(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = told.state.take() {
            // One that nobody drives is stopped, whatever it was doing.
            let state = if is_end(state) { state } else { RunStatus::Stopped };
            self.send(TeamEvent::RunEnded { run: self.run.clone(), state });
        }
    }

    fn answered(
        &self,
        told: &mut Told,
        approval: ApprovalId,
        outcome: ApprovalOutcome,
    ) -> Option<TeamEvent> {
        let run = self.run.clone();
        told.approvals.remove(&approval).then_some(TeamEvent::ApprovalAnswered {
            run,
            approval: approval.0,
            outcome,
        })
    }

    fn send(&self, event: TeamEvent) {
        self.stream.publish_to(self.audience.clone(), event);
    }
}

/// Whether a run in `state` is driven no longer.
fn is_end(state: RunStatus) -> bool {
    match state {
        RunStatus::Running | RunStatus::WaitingForApproval => false,
        RunStatus::Stopped | RunStatus::Done | RunStatus::Partial | RunStatus::Failed => true,
    }
}
