//! The state machine of a run.
//!
//! An input changes the tasks and their steps; `advance` then starts what can start and offers what
//! is wanted, until nothing changes. Calls are made nowhere else, so that a run that is stopped, or
//! replayed from its journal, makes the same ones.

mod answers;
mod approvals;
mod below;
mod branch;
mod checking;
mod context;
mod ending;
mod node;
mod offering;
mod planning;
mod readiness;
mod record;
mod tools;
mod voting;

use std::collections::{BTreeMap, BTreeSet};

use harmonic_types::{ChildRun, RunRecord, RunSpent, RunState, TaskGraph, TaskState};

use self::approvals::OpenApproval;
use self::node::{NodeWork, TaskNode};
use crate::action::{Action, RunEvent};
use crate::agent::AgentProfile;
use crate::approval::{Approval, ApprovalId};
use crate::budget::Budget;
use crate::call::{CallId, TaskId};
use crate::input::{Input, TimerId};
use crate::partial::PartialPlan;
use crate::spec::{Approach, Origin, RunSpec, SpecError};

/// A run: the fold of its inputs.
#[derive(Clone, Debug)]
pub struct Run {
    spec: RunSpec,
    phase: Phase,
    /// Latest time.
    now: u64,
    budget: Budget,
    tasks: Vec<TaskNode>,
    graph: GraphProgress,
    calls: BTreeMap<CallId, OpenCall>,
    timers: BTreeMap<TimerId, TimerUse>,
    approvals: BTreeMap<ApprovalId, OpenApproval>,
    /// Next identifiers.
    next: NextIds,
    /// Runs that were started from inside of it.
    below: Vec<ChildRun>,
    /// What makes the answer less than whole, in an order that does not depend on which task ended first.
    shortfalls: BTreeSet<String>,
    /// The answer, once the run has ended.
    answer: Option<String>,
    /// Whether the budget bore a call no longer.
    is_exhausted: bool,
    /// Whether a raise of the budget was refused, or is not to be asked for.
    is_raise_refused: bool,
    /// What was published last.
    published: Published,
    actions: Vec<Action>,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    NotStarted,
    Running,
    Stopped,
    Ended(RunState),
}

/// How far the graph is known.
#[derive(Clone, Debug, Default)]
struct GraphProgress {
    /// Tasks of the graph, in its order.
    tasks: Vec<TaskId>,
    origin: String,
    /// Whether it is whole and valid.
    is_complete: bool,
    /// Whether a person still has to agree.
    is_asking: bool,
    /// Reader of the plan that is being written.
    partial: PartialPlan,
    /// Tasks of that plan that are valid, in order.
    written: Vec<harmonic_types::Task>,
    /// Whether a task of that plan was not valid, so that nothing more of it is started.
    is_broken: bool,
}

/// A call that was offered.
#[derive(Clone, Copy, Debug)]
struct OpenCall {
    task: TaskId,
    target: Target,
    /// Whether nobody waits for it: it was cancelled, so that its result counts for the accounts
    /// alone, or it is a tool's that was lost, and a person is asked whether to repeat it.
    is_abandoned: bool,
    /// Whether the driver no longer works on it, or was told to end it.
    is_cancelled: bool,
}

/// What a call is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The step at this position.
    Step(usize),
    /// The call of a tool at this position.
    Tool(usize),
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimerUse {
    /// A step is offered anew.
    Retry(TaskId, usize),
    /// Nobody has answered.
    Approval(ApprovalId),
    /// A bound on time is near.
    Time,
}

#[derive(Clone, Debug, Default)]
struct NextIds {
    call: u64,
    timer: u64,
    approval: u64,
}

#[derive(Clone, Debug, Default)]
struct Published {
    state: Option<RunState>,
    tasks: Vec<TaskState>,
    graph: Option<TaskGraph>,
}

/// The task that stands for the planning.
const PLANNING: TaskId = TaskId(0);

impl Run {
    /// The run of `spec`, before its first input.
    ///
    /// # Errors
    /// A field of `spec` is invalid, or a graph in it.
    pub fn new(spec: RunSpec) -> Result<Self, SpecError> {
        spec.check()?;
        let mut planning = TaskNode::new(
            PLANNING,
            "plan".to_owned(),
            "Plan".to_owned(),
            NodeWork::Plan { repairs: 0 },
        );
        let origin = match &spec.approach {
            Approach::Plan { .. } => "plan".to_owned(),
            Approach::Graph { origin: Origin::Recipe(name), .. } => format!("recipe:{name}"),
            Approach::Graph { origin: Origin::File, .. } => "file".to_owned(),
            Approach::Graph { origin: Origin::Solo, .. } => "solo".to_owned(),
        };
        if matches!(spec.approach, Approach::Graph { .. }) {
            planning.state = TaskState::Skipped;
        }
        Ok(Self {
            budget: Budget::new(spec.bounds()),
            graph: GraphProgress { origin, ..GraphProgress::default() },
            // What the run above has left is not a person's to raise here.
            is_raise_refused: !spec.ask.asks_for_budget() || spec.lineage.parent().is_some(),
            spec,
            phase: Phase::NotStarted,
            now: 0,
            tasks: vec![planning],
            calls: BTreeMap::new(),
            timers: BTreeMap::new(),
            approvals: BTreeMap::new(),
            next: NextIds::default(),
            below: Vec::new(),
            shortfalls: BTreeSet::new(),
            answer: None,
            is_exhausted: false,
            published: Published::default(),
            actions: Vec::new(),
        })
    }

    /// Applies `input`, which happened `at_ms` milliseconds after the start, and returns what is to
    /// be done. Times never go back: an earlier one counts as the latest.
    pub fn apply(&mut self, at_ms: u64, input: Input) -> Vec<Action> {
        self.pass(at_ms, &input);
        match input {
            Input::Started => self.start(),
            Input::PlanText { call, text } => self.plan_text(call, &text),
            Input::Answered { call, answer } => self.answered(call, answer),
            Input::Failed { call, failure, usage, millijoules, spans } => {
                if let Some((id, at)) = self.close(call, usage, millijoules, &spans) {
                    self.failed(id, at, failure);
                }
            }
            Input::ToolIntended { call } => self.tool_intended(call),
            Input::ToolReturned { call, result } => self.tool_returned(call, result),
            Input::ToolFailed { call, failure } => self.tool_failed(call, failure),
            Input::StartedBelow { run, tokens } => self.started_below(run, tokens),
            Input::SpentBelow { run, usage, millijoules } => {
                self.spent_below(&run, usage, millijoules);
            }
            Input::EndedBelow { run } => self.ended_below(&run),
            Input::Decided { approval, decision } => self.decided(approval, decision, false),
            Input::TimerFired { timer } => self.timer_fired(timer),
            Input::Stopped => self.stop(),
            Input::Resumed => self.resume(),
            Input::Cancelled { reason } => self.cancel(&reason),
        }
        self.advance();
        self.publish();
        std::mem::take(&mut self.actions)
    }

    /// Its specification.
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// Its state.
    pub fn state(&self) -> RunState {
        match &self.phase {
            Phase::Ended(state) => state.clone(),
            Phase::Stopped => RunState::Stopped,
            Phase::NotStarted => RunState::Running,
            Phase::Running => {
                let works = self.calls.values().any(|call| !call.is_abandoned)
                    || self.timers.values().any(|used| matches!(used, TimerUse::Retry(..)));
                if works || self.approvals.is_empty() {
                    RunState::Running
                } else {
                    RunState::WaitingForApproval
                }
            }
        }
    }

    /// Whether it has ended: nothing but accounts changes any more.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Questions that nobody has answered, oldest first.
    pub fn approvals(&self) -> Vec<Approval> {
        self.approvals.values().map(|open| open.approval.clone()).collect()
    }

    /// What it has spent, up to the last input.
    pub fn spent(&self) -> RunSpent {
        self.budget.spent()
    }

    /// Its record, up to the last input.
    pub fn record(&self) -> RunRecord {
        record::record(self)
    }

    /// Its record, in which the time has passed until `at_ms`.
    pub fn record_at(&self, at_ms: u64) -> RunRecord {
        let mut record = self.record();
        if self.spends_time() {
            let passed = at_ms.saturating_sub(self.now);
            record.spent.time_ms = record.spent.time_ms.saturating_add(passed);
        }
        record
    }

    /// Lets the time pass until `at_ms`. While nobody drove the run, no time is spent.
    fn pass(&mut self, at_ms: u64, input: &Input) {
        let before = self.now;
        self.now = self.now.max(at_ms);
        if self.spends_time() && *input != Input::Resumed {
            self.budget.pass(self.now - before);
        }
    }

    /// Whether it spends the time that passes: not while a person is waited for, or it is stopped.
    fn spends_time(&self) -> bool {
        self.phase == Phase::Running && self.state() == RunState::Running
    }

    fn start(&mut self) {
        if self.phase != Phase::NotStarted {
            return;
        }
        self.phase = Phase::Running;
        if let Approach::Graph { graph, .. } = &self.spec.approach {
            let tasks = graph.tasks.clone();
            self.adopt(&tasks);
            self.complete_graph();
        } else {
            self.reserve_for_last();
        }
    }

    fn task(&self, id: TaskId) -> &TaskNode {
        &self.tasks[id.0 as usize]
    }

    fn task_mut(&mut self, id: TaskId) -> &mut TaskNode {
        &mut self.tasks[id.0 as usize]
    }

    fn task_ids(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..u32::try_from(self.tasks.len()).unwrap_or(u32::MAX)).map(TaskId)
    }

    fn next_task(&self) -> TaskId {
        TaskId(u32::try_from(self.tasks.len()).unwrap_or(u32::MAX))
    }

    fn agent(&self, name: &harmonic_types::AgentName) -> &AgentProfile {
        let named = self.spec.agents.iter().find(|agent| agent.name == *name);
        named.expect("agents of a run and of its graphs are checked")
    }

    fn new_call(&mut self) -> CallId {
        self.next.call += 1;
        CallId(self.next.call)
    }

    fn set_timer(&mut self, used: TimerUse, at_ms: u64) -> TimerId {
        self.next.timer += 1;
        let timer = TimerId(self.next.timer);
        self.timers.insert(timer, used);
        self.actions.push(Action::SetTimer { timer, at_ms });
        timer
    }

    fn note(&mut self, text: String) {
        self.actions.push(Action::Publish { event: RunEvent::Note { text } });
    }

    /// Notes what makes the answer less than whole.
    fn fall_short(&mut self, text: String) {
        if self.shortfalls.insert(text.clone()) {
            self.note(text);
        }
    }

    /// The last task of the graph, once that is whole.
    fn last_task(&self) -> Option<TaskId> {
        self.graph.tasks.last().copied().filter(|_| self.graph.is_complete)
    }

    /// Publishes what has changed since the last input.
    fn publish(&mut self) {
        let state = self.state();
        let graph = record::graph(self);
        if graph.is_some() && graph != self.published.graph {
            self.published.graph.clone_from(&graph);
            let origin = self.graph.origin.clone();
            let event = graph.map(|graph| RunEvent::Graph { graph, origin });
            self.actions.extend(event.map(|event| Action::Publish { event }));
        }
        for (at, task) in self.tasks.iter().enumerate() {
            let before = self.published.tasks.get(at);
            let is_planning = at == 0 && matches!(self.spec.approach, Approach::Graph { .. });
            let state = record::task_state(task);
            if before != Some(&state) && !is_planning {
                let event = RunEvent::Task {
                    task: task.id,
                    title: task.title.clone(),
                    kind: task.kind().to_owned(),
                    agent: record::agent(self, task),
                    state,
                    reason: task.reason.clone(),
                };
                self.actions.push(Action::Publish { event });
            }
        }
        self.published.tasks = self.tasks.iter().map(record::task_state).collect();
        if self.published.state.as_ref() != Some(&state) && self.phase != Phase::NotStarted {
            self.published.state = Some(state.clone());
            self.actions.push(Action::Publish { event: RunEvent::State { state } });
        }
    }
}
