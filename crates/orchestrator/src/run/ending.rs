//! The end of a run, its interruption and its resumption.

use std::fmt::Write as _;

use harmonic_types::{RunState, TaskState, ToolEffects};

use super::node::{StepState, TaskNode, ToolState};
use super::{PLANNING, Phase, Run, Target, TimerUse};
use crate::call::{CallId, TaskId};
use crate::partial::PartialPlan;

impl Run {
    /// Ends the run if its last task is resolved, or nothing is left to do. Whether it ended.
    pub(super) fn end_if_finished(&mut self) -> bool {
        let Some(last) = self.last_task() else {
            // Without a whole graph, the planning decides.
            if self.task(PLANNING).is_resolved() && self.tasks.iter().all(TaskNode::is_resolved) {
                let reason = self.task(PLANNING).reason.clone();
                self.end_with_what_is_there(
                    &reason.unwrap_or_else(|| "there is no plan".to_owned()),
                );
                return true;
            }
            return false;
        };
        let task = self.task(last);
        match (task.state, task.artifact.clone()) {
            (TaskState::Done, Some(artifact)) => {
                let state = if self.shortfalls.is_empty() {
                    RunState::Done
                } else {
                    let all: Vec<&str> = self.shortfalls.iter().map(String::as_str).collect();
                    RunState::Partial { reason: all.join("; ") }
                };
                self.end(state, Some(artifact.text));
                true
            }
            (TaskState::Failed | TaskState::Skipped, _) => {
                let title = task.title.clone();
                let reason = task.reason.clone().unwrap_or_else(|| "unknown cause".to_owned());
                self.end_with_what_is_there(&format!("`{title}`: {reason}"));
                true
            }
            _ => false,
        }
    }

    /// Ends the run with the artifacts that no other artifact was made of.
    pub(super) fn end_with_what_is_there(&mut self, reason: &str) {
        let done: Vec<TaskId> = self
            .graph
            .tasks
            .iter()
            .copied()
            .filter(|id| self.task(*id).state == TaskState::Done)
            .collect();
        let ends = done.iter().filter(|id| !done.iter().any(|other| self.reads(*other, **id)));
        let mut answer = String::new();
        for task in ends.map(|id| self.task(*id)) {
            let text = task.artifact.as_ref().map_or("", |artifact| artifact.text.trim());
            let _ = writeln!(answer, "## {}\n\n{text}\n", task.title);
        }
        let mut reasons = vec![reason.to_owned()];
        reasons.extend(self.shortfalls.iter().filter(|more| !reason.contains(*more)).cloned());
        let reason = reasons.join("; ");
        if answer.is_empty() {
            self.end(RunState::Failed { reason }, None);
        } else {
            self.end(RunState::Partial { reason }, Some(answer.trim_end().to_owned()));
        }
    }

    pub(super) fn end(&mut self, state: RunState, answer: Option<String>) {
        for id in self.task_ids() {
            if !self.task(id).is_resolved() {
                self.resolve(id, TaskState::Skipped, Some("the run has ended".to_owned()));
            }
        }
        let open: Vec<_> = self.approvals.keys().copied().collect();
        for approval in open {
            self.withdraw(approval);
        }
        self.timers.clear();
        self.answer = answer;
        self.phase = Phase::Ended(state);
    }

    pub(super) fn cancel(&mut self, reason: &str) {
        if !self.has_ended() {
            let reason: String = reason.chars().take(500).collect();
            self.end(RunState::Failed { reason: format!("cancelled: {reason}") }, None);
        }
    }

    /// Interrupts the run: calls are cancelled, questions stay.
    pub(super) fn stop(&mut self) {
        if !matches!(self.phase, Phase::Running | Phase::NotStarted) {
            return;
        }
        self.phase = Phase::Stopped;
        self.timers.clear();
        let calls: Vec<CallId> = self
            .calls
            .iter()
            .filter(|(_, open)| !open.is_cancelled)
            .map(|(call, _)| *call)
            .collect();
        for call in calls {
            self.cancel_call(call);
        }
    }

    /// Goes on after an interruption, or after the driver died: what was open is offered anew.
    pub(super) fn resume(&mut self) {
        match self.phase {
            Phase::Ended(_) => return,
            Phase::NotStarted => return self.start(),
            Phase::Running | Phase::Stopped => {}
        }
        self.phase = Phase::Running;
        if self.graph.tasks.is_empty() && self.task(PLANNING).steps.is_empty() {
            // It was stopped before it began.
            self.phase = Phase::NotStarted;
            self.start();
        }
        self.timers.clear();
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.budget.release(call);
        }
        self.end_all_below();
        // What is left of tools are calls that a person is asked about.
        self.calls.retain(|_, open| !open.is_abandoned || matches!(open.target, Target::Tool(_)));
        for id in self.task_ids() {
            self.reopen_steps(id);
            self.reopen_tools(id);
        }
        self.ask_again();
    }

    /// Offers the steps of a task anew that were open or waited for a timer.
    fn reopen_steps(&mut self, id: TaskId) {
        let mut closed = Vec::new();
        for step in &mut self.tasks[id.0 as usize].steps {
            match step.state {
                StepState::Open(call, _) => {
                    closed.push(call);
                    step.state = StepState::Wanted;
                }
                StepState::Waiting(_) => step.state = StepState::Wanted,
                _ => {}
            }
        }
        for call in closed {
            self.calls.remove(&call);
            if id == PLANNING {
                // The plan is written anew; tasks that it has again are kept.
                self.graph.partial = PartialPlan::default();
                self.graph.written.clear();
                self.graph.is_broken = false;
            }
        }
    }

    /// Makes the calls of tools anew that cannot have happened or may be repeated, and asks a person
    /// about the others.
    fn reopen_tools(&mut self, id: TaskId) {
        for at in 0..self.task(id).tool_steps.len() {
            let step = &self.task(id).tool_steps[at];
            let effects = step.effects;
            match step.state {
                ToolState::Open { call, is_intended } => {
                    let may_repeat =
                        matches!(effects, ToolEffects::ReadOnly | ToolEffects::Idempotent);
                    if is_intended && !may_repeat {
                        self.ask_to_repeat(id, at, call);
                    } else {
                        self.calls.remove(&call);
                        let call = self.new_call();
                        self.task_mut(id).tool_steps[at].state = ToolState::Ready(call);
                    }
                }
                ToolState::Ready(_) => {
                    let call = self.new_call();
                    self.task_mut(id).tool_steps[at].state = ToolState::Ready(call);
                }
                _ => {}
            }
        }
    }

    pub(super) fn timer_fired(&mut self, timer: crate::input::TimerId) {
        match self.timers.remove(&timer) {
            Some(TimerUse::Retry(id, at)) => {
                if let Some(step) = self.task_mut(id).steps.get_mut(at)
                    && step.state == StepState::Waiting(timer)
                {
                    step.state = StepState::Wanted;
                }
            }
            Some(TimerUse::Approval(approval)) => {
                self.decided(approval, crate::approval::Decision::Denied, true);
            }
            Some(TimerUse::Time) | None => {}
        }
    }
}
