//! Which tasks can start, and what happens to those that never will.

use harmonic_types::{TaskState, ToolEffects};

use super::node::{NodeWork, TaskNode};
use super::{Phase, Run, Target, TimerUse};
use crate::budget::Pressure;
use crate::call::TaskId;

/// Characters of the cause of a missing input.
const CAUSE: usize = 200;

impl Run {
    /// Starts and offers what can be, until nothing changes, and ends the run if it has come to its
    /// end.
    pub(super) fn advance(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        self.heed_pressure();
        loop {
            let mut changed = false;
            for id in self.task_ids() {
                changed |= match self.task(id).state {
                    TaskState::Blocked => self.begin_if_ready(id),
                    TaskState::Running => self.offer_steps(id),
                    _ => false,
                };
            }
            if self.end_if_finished() {
                return;
            }
            if !changed && !self.skip_what_is_stuck() {
                break;
            }
        }
        self.watch_time();
    }

    /// Begins the task if all that it needs is there, or skips it if that will never be. Whether
    /// anything changed.
    fn begin_if_ready(&mut self, id: TaskId) -> bool {
        if matches!(self.task(id).work, NodeWork::Plan { .. }) {
            return self.begin(id);
        }
        if self.graph.is_asking || self.waits_for_the_whole_plan(id) {
            return false;
        }
        let (mut missing, mut there) = (Vec::new(), 0_usize);
        for &input in &self.task(id).after {
            let task = self.task(input);
            match task.state {
                TaskState::Done => there += 1,
                TaskState::Failed | TaskState::Skipped => missing.push(input),
                _ => return false,
            }
        }
        // What a task reads is cut to what the budget bears when it begins, and some will come back.
        if self.waits_for_checks(id) || self.budget.is_held_below(self.last_task() == Some(id)) {
            return false;
        }
        // The last task of a graph or a branch makes do with what is there.
        let makes_do = self.is_last(id) && there > 0;
        if !missing.is_empty() && !makes_do {
            let named =
                |input: &TaskId| format!("{} ({})", self.task(*input).title, self.cause(*input));
            let named: Vec<String> = missing.iter().map(named).collect();
            let reason = format!("its inputs are missing: {}", named.join(", "));
            self.resolve(id, TaskState::Skipped, Some(reason));
            return true;
        }
        for input in &missing {
            let text = format!("`{}` is missing: {}", self.task(*input).title, self.cause(*input));
            self.fall_short(text);
        }
        let missing = missing.into_iter().map(|input| self.task(input).title.clone()).collect();
        self.task_mut(id).missing = missing;
        self.begin(id)
    }

    /// Why a task has no artifact.
    fn cause(&self, id: TaskId) -> String {
        let reason = self.task(id).reason.as_deref().unwrap_or("it has no result");
        reason.chars().take(CAUSE).collect()
    }

    /// Whether the task is the last one of the graph, or of a branch.
    pub(super) fn is_last(&self, id: TaskId) -> bool {
        self.last_task() == Some(id) || self.tasks.iter().any(|task| task.branch == Some(id))
    }

    /// Before a plan is whole and valid, nothing starts that may change something.
    fn waits_for_the_whole_plan(&self, id: TaskId) -> bool {
        if self.graph.is_complete {
            return false;
        }
        if self.spec.ask.asks_for_plan() {
            return true;
        }
        let changes = |name: &String| {
            let tool = self.spec.tools.iter().find(|tool| tool.name == *name);
            tool.is_none_or(|tool| tool.effects != ToolEffects::ReadOnly)
        };
        match &self.task(id).work {
            NodeWork::Tool { tool, .. } => changes(tool),
            NodeWork::Ask { agent, .. } => self.agent(agent).tools.iter().any(changes),
            _ => false,
        }
    }

    /// A task does not read what a check may still send back, unless the check reads the task.
    fn waits_for_checks(&self, id: TaskId) -> bool {
        self.tasks.iter().any(|check| {
            let NodeWork::Check { of, .. } = check.work else { return false };
            check.id != id
                && !check.is_resolved()
                && self.task(id).after.contains(&of)
                && !self.reads(check.id, id)
        })
    }

    /// Whether `reader` reads `source`, or what was made of it.
    pub(super) fn reads(&self, reader: TaskId, source: TaskId) -> bool {
        let mut seen = vec![false; self.tasks.len()];
        let mut open = vec![reader];
        while let Some(id) = open.pop() {
            for &input in &self.task(id).after {
                if input == source {
                    return true;
                }
                if !std::mem::replace(&mut seen[input.0 as usize], true) {
                    open.push(input);
                }
            }
        }
        false
    }

    /// Ends a task without an artifact.
    pub(super) fn resolve(&mut self, id: TaskId, state: TaskState, reason: Option<String>) {
        self.abandon(id);
        self.drop_branch(id);
        let task = self.task_mut(id);
        task.state = state;
        task.reason = reason;
    }

    /// Leaves out what the bounds no longer bear.
    fn heed_pressure(&mut self) {
        let pressure = self.budget.pressure();
        if pressure >= Pressure::High {
            self.ask_for_a_raise();
        }
        if pressure == Pressure::Over {
            let reason = "the time is over";
            self.skip_all(reason, |_, _| true);
            self.fall_short(reason.to_owned());
            return;
        }
        let is_out_of_time = self.budget.is_out_of_time();
        if is_out_of_time {
            // The last task has the rest of the time.
            self.skip_all("the time is short", |run, task| run.last_task() != Some(task.id));
        } else if pressure == Pressure::Exhausted && !self.is_raise_open() {
            self.is_exhausted = true;
        }
        if self.is_exhausted {
            let begins = |run: &Self, task: &TaskNode| {
                task.state == TaskState::Blocked && run.last_task() != Some(task.id)
            };
            self.skip_all("the budget is exhausted", begins);
        }
    }

    /// Skips the unresolved tasks that `which` chooses.
    fn skip_all(&mut self, reason: &str, which: impl Fn(&Self, &TaskNode) -> bool) {
        for id in self.task_ids() {
            let task = self.task(id);
            if !task.is_resolved() && which(self, task) {
                let title = task.title.clone();
                self.resolve(id, TaskState::Skipped, Some(reason.to_owned()));
                self.fall_short(format!("`{title}` was left out: {reason}"));
            }
        }
    }

    /// Skips what waits for what nobody does, where nothing else can happen. Whether there was any.
    fn skip_what_is_stuck(&mut self) -> bool {
        let is_at_work = self.calls.values().any(|call| !call.is_abandoned)
            || !self.approvals.is_empty()
            || self.budget.has_reserved_below()
            || self.timers.values().any(|used| matches!(used, TimerUse::Retry(..)));
        if is_at_work {
            return false;
        }
        let stuck = self.tasks.iter().find(|task| !task.is_resolved());
        let Some(id) = stuck.map(|task| task.id) else { return false };
        self.resolve(id, TaskState::Failed, Some("it waits for what nobody does".to_owned()));
        true
    }

    /// Sets a timer for the next bound on time.
    fn watch_time(&mut self) {
        let is_set = self.timers.values().any(|used| *used == TimerUse::Time);
        if is_set || self.state() != harmonic_types::RunState::Running {
            return;
        }
        if let Some(ms) = self.budget.until_next_time() {
            self.set_timer(TimerUse::Time, self.now.saturating_add(ms));
        }
    }

    /// Cancels what is open of a task; its results count for the accounts alone.
    pub(super) fn abandon(&mut self, id: TaskId) {
        let of_task = self.calls.iter().filter(|(_, open)| open.task == id);
        let calls: Vec<_> = of_task.map(|(call, open)| (*call, open.target)).collect();
        for (call, target) in calls {
            self.cancel_call(call);
            if let Some(open) = self.calls.get_mut(&call) {
                open.is_abandoned = true;
            }
            if matches!(target, Target::Tool(_)) {
                // Nothing is reserved for tools, and nobody waits for its word.
                self.calls.remove(&call);
            }
        }
        self.timers.retain(|_, used| !matches!(used, TimerUse::Retry(task, _) if *task == id));
        self.withdraw_approvals_of(id);
    }
}
