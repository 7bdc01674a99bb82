//! Questions to a person, and their answers.

use harmonic_types::{SpanKind, TaskSpan, TaskState, ToolEffects, ToolSpec};

use super::node::{NodeWork, ToolState};
use super::{PLANNING, Run, TimerUse};
use crate::action::{Action, RunEvent};
use crate::approval::{Approval, ApprovalId, ApprovalSubject, AskPolicy, Decision};
use crate::call::{CallId, TaskId};

/// A question that nobody has answered.
#[derive(Clone, Debug)]
pub(super) struct OpenApproval {
    pub(super) approval: Approval,
    asked_ms: u64,
}

/// Whether a tool may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    Granted,
    Asked,
    Denied,
}

impl Run {
    /// Whether a call of `tool` is made, asked for or denied.
    pub(super) fn permission(&self, tool: &ToolSpec) -> Permission {
        use ToolEffects::{Idempotent, ReadOnly, Running, Writing};
        let is_ours = tool.name.starts_with("workspace.");
        match (self.spec.ask, tool.effects) {
            (AskPolicy::All, _) => Permission::Asked,
            (_, ReadOnly) => Permission::Granted,
            (AskPolicy::Plan | AskPolicy::Write, _) => Permission::Asked,
            (AskPolicy::Never, Writing | Idempotent) if is_ours => Permission::Granted,
            (AskPolicy::Never, Writing | Idempotent | Running) => {
                let is_granted = self.spec.granted.contains(&tool.name);
                if is_granted { Permission::Granted } else { Permission::Denied }
            }
        }
    }

    /// Asks a person.
    pub(super) fn ask(&mut self, subject: ApprovalSubject) -> ApprovalId {
        self.next.approval += 1;
        let id = ApprovalId(self.next.approval);
        let approval = Approval { id, subject, deadline_ms: 0 };
        self.approvals.insert(id, OpenApproval { approval, asked_ms: self.now });
        self.put(id);
        id
    }

    /// Puts a question with a new deadline.
    fn put(&mut self, id: ApprovalId) {
        let deadline_ms = self.now.saturating_add(self.spec.limits.approval_ms);
        let Some(open) = self.approvals.get_mut(&id) else { return };
        open.approval.deadline_ms = deadline_ms;
        let approval = open.approval.clone();
        self.actions.push(Action::Ask { approval });
        self.set_timer(TimerUse::Approval(id), deadline_ms);
    }

    /// Puts all questions again, after nobody was there to hear the answers.
    pub(super) fn ask_again(&mut self) {
        for id in self.approvals.keys().copied().collect::<Vec<_>>() {
            self.put(id);
        }
    }

    /// Asks for a call of a tool that may have happened to be made again. Only
    /// [`AskPolicy::Never`] has nobody to ask: that is a no.
    pub(super) fn ask_to_repeat(&mut self, id: TaskId, at: usize, call: CallId) {
        let step = &self.task(id).tool_steps[at];
        let (tool, arguments, effects) = (step.tool.clone(), step.arguments.clone(), step.effects);
        if self.spec.ask == AskPolicy::Never {
            self.calls.remove(&call);
            self.settle_tool(id, at, unknown(&tool), true);
            return;
        }
        if let Some(open) = self.calls.get_mut(&call) {
            open.is_abandoned = true;
            open.is_cancelled = true;
        }
        let approval =
            self.ask(ApprovalSubject::Repeat { task: id, call, tool, arguments, effects });
        self.task_mut(id).tool_steps[at].state = ToolState::Asking(approval, call);
    }

    /// Asks for a larger budget, unless that was done or refused.
    pub(super) fn ask_for_a_raise(&mut self) {
        if self.is_raise_refused || self.is_raise_open() {
            return;
        }
        let (bounds, spent, raised) =
            (self.budget.bounds(), self.budget.spent(), self.budget.raised());
        self.ask(ApprovalSubject::Budget { bounds, spent, raised });
    }

    pub(super) fn is_raise_open(&self) -> bool {
        let is_raise =
            |open: &OpenApproval| matches!(open.approval.subject, ApprovalSubject::Budget { .. });
        self.approvals.values().any(is_raise)
    }

    pub(super) fn decided(&mut self, id: ApprovalId, decision: Decision, timed_out: bool) {
        let Some(OpenApproval { approval, asked_ms }) = self.approvals.remove(&id) else { return };
        self.timers.retain(|_, used| *used != TimerUse::Approval(id));
        let event = RunEvent::Decided { approval: id, decision, timed_out };
        self.actions.push(Action::Publish { event });
        let is_approved = decision == Decision::Approved;
        let no = if timed_out { "nobody answered in time, which is a no" } else { "it was denied" };
        match approval.subject {
            ApprovalSubject::Plan { .. } => {
                let span = self.person_span(asked_ms);
                self.task_mut(PLANNING).spans.push(span);
                self.graph.is_asking = false;
                if !is_approved {
                    self.end_with_what_is_there(&format!("the plan is not done: {no}"));
                }
            }
            ApprovalSubject::Budget { raised, .. } => {
                self.is_raise_refused = !is_approved;
                if is_approved {
                    self.budget.set_bounds(raised);
                    self.is_exhausted = false;
                }
            }
            ApprovalSubject::Tool { task, tool, .. } => {
                self.tool_decided(task, id, asked_ms, is_approved, |call| {
                    if is_approved {
                        Ok(call)
                    } else {
                        Err(format!("`{tool}` was not called: {no}"))
                    }
                });
            }
            ApprovalSubject::Repeat { task, call, tool, .. } => {
                self.calls.remove(&call);
                let again = self.new_call();
                self.tool_decided(task, id, asked_ms, is_approved, |_| {
                    if is_approved { Ok(again) } else { Err(unknown(&tool)) }
                });
            }
        }
    }

    fn tool_decided(
        &mut self,
        id: TaskId,
        approval: ApprovalId,
        asked_ms: u64,
        is_approved: bool,
        outcome: impl Fn(CallId) -> Result<CallId, String>,
    ) {
        let span = self.person_span(asked_ms);
        let task = self.task_mut(id);
        task.spans.push(span);
        let asked = task.tool_steps.iter().enumerate().find_map(|(at, step)| match step.state {
            ToolState::Asking(asked, call) if asked == approval => Some((at, call)),
            _ => None,
        });
        let Some((at, call)) = asked else { return };
        match outcome(call) {
            Ok(call) => task.tool_steps[at].state = ToolState::Ready(call),
            Err(reason) => self.settle_tool(id, at, reason, !is_approved),
        }
    }

    fn person_span(&self, asked_ms: u64) -> TaskSpan {
        TaskSpan { kind: SpanKind::Person, from_ms: asked_ms, to_ms: self.now, slot: None }
    }

    /// Withdraws the questions of a task.
    pub(super) fn withdraw_approvals_of(&mut self, id: TaskId) {
        let of_task = self.approvals.iter().filter(|(_, open)| match &open.approval.subject {
            ApprovalSubject::Tool { task, .. } | ApprovalSubject::Repeat { task, .. } => {
                *task == id
            }
            _ => false,
        });
        for approval in of_task.map(|(approval, _)| *approval).collect::<Vec<_>>() {
            self.withdraw(approval);
        }
    }

    pub(super) fn withdraw(&mut self, approval: ApprovalId) {
        if self.approvals.remove(&approval).is_some() {
            self.timers.retain(|_, used| *used != TimerUse::Approval(approval));
            self.actions.push(Action::Withdraw { approval });
        }
    }

    /// Whether the task is a call of a tool by the graph.
    pub(super) fn is_tool_task(&self, id: TaskId) -> bool {
        matches!(self.task(id).work, NodeWork::Tool { .. })
            && self.task(id).state == TaskState::Running
    }
}

fn unknown(tool: &str) -> String {
    format!("nobody knows whether the call of `{tool}` has happened, and it is not made again")
}
