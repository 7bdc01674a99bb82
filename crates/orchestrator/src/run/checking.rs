//! Checks: a verdict, and work that is sent back.

use harmonic_types::TaskState;

use super::Run;
use super::node::{Artifact, NodeWork, Step, StepState};
use crate::budget::Pressure;
use crate::call::{CallPurpose, TaskId};
use crate::prompt::{self, Objection};
use crate::verdict::Verdict;

/// Tokens of a verdict, at most.
const VERDICT_TOKENS: u32 = 400;

impl Run {
    pub(super) fn begin_check(&mut self, id: TaskId) -> bool {
        let NodeWork::Check { agent, instruction, of, .. } = self.task(id).work.clone() else {
            return false;
        };
        if self.task(of).artifact.is_none() {
            self.resolve(id, TaskState::Skipped, Some("what it checks is missing".to_owned()));
            return true;
        }
        if self.budget.pressure() > Pressure::Low {
            self.accept_unchecked(id, of, "the budget is short");
            return true;
        }
        let known = self.tasks.len();
        let text = prompt::check(&instruction, &self.task(of).label);
        let Some(opening) = self.opening(id, &agent, &text, Some(VERDICT_TOKENS)) else {
            return self.tasks.len() > known;
        };
        let answer = self.task(id).max_tokens.unwrap_or(VERDICT_TOKENS);
        let mut step =
            Step::new(CallPurpose::Check, agent, opening.messages, opening.tokens, Some(answer));
        step.json_schema = Some(Verdict::schema());
        self.run_steps(id, vec![step]);
        true
    }

    /// Accepts the artifact, or sends it back while there are rounds left.
    pub(super) fn check_settled(&mut self, id: TaskId) {
        let NodeWork::Check { of, rounds, .. } = self.task(id).work else { return };
        let verdict = match &self.task(id).steps[0].state {
            StepState::Done { text, .. } => Verdict::parse(text),
            StepState::Failed(reason) => {
                let reason = reason.clone();
                return self.accept_unchecked(id, of, &reason);
            }
            _ => return,
        };
        let Some(verdict) = verdict else {
            return self.repeat_once(id, 0, "the verdict cannot be read");
        };
        let may_send_back = self.task(of).sent_back < rounds
            && self.budget.pressure() == Pressure::Low
            && !self.is_exhausted;
        if verdict.accept {
            self.accept(id, of);
        } else if may_send_back {
            self.send_back(of, verdict.reasons);
        } else {
            let title = self.task(id).title.clone();
            self.fall_short(format!("`{title}` does not hold: {}", verdict.reasons.trim()));
            self.accept(id, of);
        }
    }

    /// The artifact of a check is the text that it accepts.
    fn accept(&mut self, id: TaskId, of: TaskId) {
        if let Some(artifact) = self.task(of).artifact.clone() {
            self.finish(id, artifact);
        }
    }

    fn accept_unchecked(&mut self, id: TaskId, of: TaskId, reason: &str) {
        let title = self.task(id).title.clone();
        self.fall_short(format!("`{title}` was not done: {reason}"));
        self.accept(id, of);
    }

    /// Has a task done anew, and all that was made of its artifact, but for calls of tools that
    /// changed something.
    fn send_back(&mut self, of: TaskId, reasons: String) {
        let Some(Artifact { text, tokens }) = self.task(of).artifact.clone() else { return };
        let readers: Vec<TaskId> = self.task_ids().filter(|id| self.reads(*id, of)).collect();
        for &reader in &readers {
            let task = self.task(reader);
            let is_of_a_reader = task.parent.is_some_and(|parent| readers.contains(&parent));
            let is_begun = !matches!(task.state, TaskState::Blocked);
            if is_begun && !is_of_a_reader && !task.may_have_written() {
                self.abandon(reader);
                self.drop_branch(reader);
                self.task_mut(reader).reset();
            }
        }
        self.drop_branch(of);
        let task = self.task_mut(of);
        task.reset();
        task.sent_back += 1;
        task.objection = Some(Objection { text, tokens, reasons });
    }
}
