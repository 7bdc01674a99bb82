//! Driver of one run: does what its state machine asks for, and feeds it what comes of that.
//!
//! Invariants: an input is in the journal before it is applied; a tool is called after its intent is
//! on the device; each call ends with an input, also one whose code panics; dropping the driver
//! cancels every call and leaves a journal that can be resumed.
//!
//! Does not do: decide anything about tasks (`orchestrator`), or when a call gets its slot
//! (`admission`).

mod agent_call;
mod below;
mod call_tasks;
mod call_times;
mod command;
mod past;
mod tool_call;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use harmonic_api::runs::RunChange;
use harmonic_journal::{JournalError, RunSummary};
use harmonic_orchestrator::{
    Action, CallFailure, CallId, CallPurpose, CallSpec, Input, Run, TimerId, ToolCallSpec,
    ToolFailure,
};
use harmonic_types::{ClientName, RunId, RunState};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::clock::RunClock;
use super::energy::RunEnergy;
use super::journal_writer::JournalWriter;
use super::team::RunTeam;
use super::tools::RunTools;
use super::updates::Updates;

use self::agent_call::AgentCall;
pub(crate) use self::below::{Descent, ParentLink};
use self::call_tasks::{CallTasks, MadeCall};
pub(crate) use self::command::{Command, RunView};
pub(crate) use self::past::Past;
use self::tool_call::ToolCall;

/// Inputs that calls may have reported and the driver has not taken.
const INPUTS: usize = 256;

/// Inputs that are written with one flush, at most.
const BATCH: usize = 64;

/// Time that calls have to end after the run has ended or was stopped; what they then still do is
/// not known.
const GRACE: Duration = Duration::from_secs(5);

/// What a driver works with.
pub(crate) struct DriverParts {
    pub(crate) run: Run,
    pub(crate) journal: JournalWriter,
    pub(crate) clock: RunClock,
    pub(crate) team: Arc<RunTeam>,
    pub(crate) tools: Arc<dyn RunTools>,
    pub(crate) energy: Option<Arc<RunEnergy>>,
    pub(crate) updates: Arc<Updates>,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// Cancelled when nobody waits for the answer any more.
    pub(crate) gone: CancellationToken,
    /// For whom its requests count.
    pub(crate) client: ClientName,
    /// The run from inside of which it was started.
    pub(crate) parent: Option<ParentLink>,
    /// Notes and decisions of the inputs that were applied before.
    pub(crate) past: Past,
}

/// Driver of one run.
pub(crate) struct Driver {
    parts: DriverParts,
    /// Inputs to be written and applied next.
    pending: VecDeque<Input>,
    /// Who waits until the pending inputs are applied.
    replies: Vec<oneshot::Sender<()>>,
    inputs: mpsc::Receiver<Input>,
    sender: mpsc::Sender<Input>,
    calls: BTreeMap<CallId, CancellationToken>,
    /// Calls of plans among them.
    plans: BTreeSet<CallId>,
    /// Calls of tools whose intent is not written yet.
    intended: BTreeMap<CallId, Box<ToolCallSpec>>,
    timers: BTreeSet<(u64, TimerId)>,
    tasks: CallTasks,
    /// Runs that were started from inside of this one and have not ended.
    children: BTreeSet<RunId>,
    /// Cancelled when they are to end: with the run, or with its driver.
    over: CancellationToken,
    _over: DropGuard,
    /// Time until which the calls of a run that is over have to end.
    grace: Option<Instant>,
}

impl Driver {
    /// A driver whose first input is `first`.
    pub(crate) fn new(parts: DriverParts, first: Input) -> Self {
        let (sender, inputs) = mpsc::channel(INPUTS);
        let over = CancellationToken::new();
        Self {
            parts,
            pending: VecDeque::from([first]),
            replies: Vec::new(),
            inputs,
            sender,
            calls: BTreeMap::new(),
            plans: BTreeSet::new(),
            intended: BTreeMap::new(),
            timers: BTreeSet::new(),
            tasks: CallTasks::default(),
            children: BTreeSet::new(),
            _over: over.clone().drop_guard(),
            over,
            grace: None,
        }
    }

    /// Drives the run until it has ended or was stopped, and no call of it is open.
    ///
    /// # Errors
    /// The journal cannot be written. The run is as its journal has it, and can be resumed.
    pub(crate) async fn drive(mut self) -> Result<(), JournalError> {
        loop {
            self.apply().await?;
            if self.is_over() {
                break;
            }
            self.wait().await;
        }
        self.summarise().await;
        Ok(())
    }

    /// Writes what is pending, and applies it.
    async fn apply(&mut self) -> Result<(), JournalError> {
        while !self.pending.is_empty() {
            let now = self.parts.clock.now_ms();
            let count = self.pending.len().min(BATCH);
            let batch: Vec<(u64, Input)> =
                self.pending.drain(..count).map(|input| (now, input)).collect();
            self.parts.journal.append(batch.clone()).await?;
            let before = self.parts.run.state();
            for (at_ms, input) in batch {
                self.apply_one(at_ms, input);
            }
            if self.parts.run.state() != before {
                self.summarise().await;
            }
        }
        for reply in self.replies.drain(..) {
            // Who asked is gone.
            let _ = reply.send(());
        }
        Ok(())
    }

    fn apply_one(&mut self, at_ms: u64, input: Input) {
        let ended = match &input {
            Input::Answered { call, .. }
            | Input::Failed { call, .. }
            | Input::ToolReturned { call, .. }
            | Input::ToolFailed { call, .. } => Some(*call),
            _ => None,
        };
        let intended = match &input {
            Input::ToolIntended { call } => self.intended.remove(call),
            _ => None,
        };
        if let Input::EndedBelow { run } = &input {
            self.children.remove(run);
        }
        let is_settled = ended.is_some() || matches!(input, Input::SpentBelow { .. });
        if let Some(call) = ended {
            self.calls.remove(&call);
            self.plans.remove(&call);
        }
        let actions = self.parts.run.apply(at_ms, input);
        if let Some(spec) = intended {
            self.call_tool(*spec);
        }
        for action in actions {
            self.perform(action);
        }
        if is_settled {
            let spent = self.parts.run.spent();
            self.parts.updates.send(RunChange::Spent { spent });
            if let Some(parent) = &mut self.parts.parent {
                parent.tell(spent);
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Call { spec } => self.call_agent(spec),
            Action::CallTool { spec } => {
                self.pending.push_back(Input::ToolIntended { call: spec.call });
                self.intended.insert(spec.call, spec);
            }
            Action::Cancel { call } => self.cancel(call),
            Action::Ask { approval } => self.parts.updates.send(RunChange::Asked { approval }),
            Action::Withdraw { approval } => {
                self.parts.updates.send(RunChange::Withdrawn { approval });
            }
            Action::SetTimer { timer, at_ms } => {
                self.timers.insert((at_ms, timer));
            }
            Action::Publish { event } => {
                self.parts.past.note(&event);
                self.parts.updates.send(RunChange::Run(event));
            }
        }
    }

    fn call_agent(&mut self, spec: Box<CallSpec>) {
        let Some(member) = self.parts.team.member(&spec.agent) else {
            // The service refuses to drive a run whose agents are not there.
            let message = format!("the team has no agent `{}`", spec.agent);
            self.pending.push_back(refused(spec.call, message));
            return;
        };
        let cancel = CancellationToken::new();
        self.calls.insert(spec.call, cancel.clone());
        if spec.purpose == CallPurpose::Plan {
            self.plans.insert(spec.call);
        }
        let call = AgentCall {
            is_answer: self.is_answer(&spec),
            is_bounded: self.is_bounded(),
            member: member.clone(),
            team: Arc::clone(&self.parts.team),
            client: self.parts.client.clone(),
            clock: self.parts.clock,
            updates: Arc::clone(&self.parts.updates),
            energy: self.parts.energy.clone(),
            inputs: self.sender.clone(),
            cancel,
            spec: *spec,
        };
        let made = MadeCall { call: call.spec.call, task: call.spec.task, is_tool: false };
        self.tasks.spawn(made, call.run());
    }

    /// Whether the tokens of the run are bounded.
    fn is_bounded(&self) -> bool {
        let spec = self.parts.run.spec();
        spec.budget.tokens.or(spec.lineage.budget_left.tokens).is_some()
    }

    /// Whether the text of a call is the answer of the run, as far as can be told before its end:
    /// that of the last task, once the plan is whole.
    fn is_answer(&self, spec: &CallSpec) -> bool {
        let last = self.parts.past.graph().and_then(|graph| graph.tasks.split_last());
        let is_last = last.is_some_and(|(last, others)| {
            last.title == spec.title && others.iter().all(|task| task.title != spec.title)
        });
        is_last
            && spec.purpose == CallPurpose::Ask
            && spec.tools.is_empty()
            && self.plans.is_empty()
    }

    fn call_tool(&mut self, spec: ToolCallSpec) {
        let cancel = CancellationToken::new();
        self.calls.insert(spec.call, cancel.clone());
        let call = ToolCall {
            spec,
            tools: Arc::clone(&self.parts.tools),
            clock: self.parts.clock,
            updates: Arc::clone(&self.parts.updates),
            inputs: self.sender.clone(),
            cancel,
        };
        let made = MadeCall { call: call.spec.call, task: call.spec.task, is_tool: true };
        self.tasks.spawn(made, call.run());
    }

    fn cancel(&mut self, call: CallId) {
        if self.intended.remove(&call).is_some() {
            let intent = |input: &Input| matches!(input, Input::ToolIntended { call: other } if *other == call);
            self.pending.retain(|input| !intent(input));
            let failure = ToolFailure::Cancelled;
            self.pending.push_back(Input::ToolFailed { call, failure });
        } else if let Some(cancel) = self.calls.get(&call) {
            cancel.cancel();
        }
    }

    /// Whether nothing more is to be done.
    fn is_over(&mut self) -> bool {
        let state = self.parts.run.state();
        if !is_final(&state) && state != RunState::Stopped {
            self.grace = None;
            return false;
        }
        // Timers of a run that is over are void.
        self.timers.clear();
        self.over.cancel();
        let until = *self.grace.get_or_insert_with(|| Instant::now() + GRACE);
        let is_done = self.calls.is_empty() && self.intended.is_empty() && self.children.is_empty();
        is_done || Instant::now() >= until
    }

    /// Waits for something that becomes an input, or is done at once.
    async fn wait(&mut self) {
        let timer = self.timers.first().map(|(at_ms, _)| self.parts.clock.instant(*at_ms));
        let next = [timer, self.grace].into_iter().flatten().min();
        let is_over = self.grace.is_some();
        tokio::select! {
            input = self.inputs.recv() => self.pending.extend(input),
            // Without a service nobody can ask for the run any more, but it goes on.
            Some(command) = self.parts.commands.recv() => self.obey(command),
            Some(panicked) = self.tasks.ended() => self.call_panicked(panicked),
            () = sleep_until(next) => {}
            () = self.parts.gone.cancelled(), if !is_over => {
                let reason = "the client that asked for it is gone".to_owned();
                self.pending.push_back(Input::Cancelled { reason });
            }
            reason = over(self.parts.parent.as_ref()), if !is_over => {
                self.pending.push_back(Input::Cancelled { reason });
            }
        }
        while self.pending.len() < BATCH
            && let Ok(input) = self.inputs.try_recv()
        {
            self.pending.push_back(input);
        }
        let now = self.parts.clock.now_ms();
        while let Some((at_ms, timer)) = self.timers.first().copied()
            && at_ms <= now
        {
            self.timers.remove(&(at_ms, timer));
            self.pending.push_back(Input::TimerFired { timer });
        }
        for panicked in self.tasks.panicked() {
            self.call_panicked(panicked);
        }
    }

    /// Ends a call whose code panicked, so that it has reported nothing.
    fn call_panicked(&mut self, MadeCall { call, task, is_tool }: MadeCall) {
        let message = "its code failed; the log of the server says where".to_owned();
        let error = Some(message.clone());
        self.parts.updates.send(RunChange::CallEnded { task, call, error, is_cut: false });
        self.pending.push_back(if is_tool {
            Input::ToolFailed { call, failure: ToolFailure::Unknown { message } }
        } else {
            refused(call, message)
        });
    }

    /// What a list of runs shows; a failure leaves an older one, which is mended at the next start.
    async fn summarise(&mut self) {
        let view = self.view();
        let summary = harmonic_api::runs::RunSummary::of(&view.record, view.approvals.len());
        let detail = serde_json::to_value(summary).unwrap_or_default();
        let finished = is_final(&view.record.state);
        if let Err(error) = self.parts.journal.summarise(RunSummary { finished, detail }).await {
            tracing::warn!(%error, "the summary of a run was not written");
        }
    }
}

/// The end of a call that was not made, or whose code failed.
fn refused(call: CallId, message: String) -> Input {
    let failure = CallFailure::Refused { message };
    Input::Failed { call, failure, usage: None, millijoules: None, spans: Vec::new() }
}

/// Why the run from inside of which this one was started is over; never, without one.
async fn over(parent: Option<&ParentLink>) -> String {
    match parent {
        Some(parent) => parent.over().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Whether a run in `state` has ended for good.
pub(crate) fn is_final(state: &RunState) -> bool {
    matches!(state, RunState::Done | RunState::Partial { .. } | RunState::Failed { .. })
}
