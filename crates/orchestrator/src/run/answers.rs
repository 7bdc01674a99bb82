//! Beginning of tasks, and what becomes of the answers to their calls.

use harmonic_types::{FinishReason, TaskState, Usage};

use super::context::beginning;
use super::node::{Artifact, NodeWork, Step, StepState};
use super::{OpenCall, PLANNING, Phase, Run, Target, TimerUse};
use crate::budget::{Pressure, add_usage};
use crate::call::{CallAnswer, CallFailure, CallId, CallPurpose, TaskId};
use crate::prompt;

/// Bounds of the time until a retry, in milliseconds, whatever the engine says.
const RETRY_MS: (u64, u64) = (100, 60_000);

/// Bytes that chat templates write around the tools, at most in practice: how they are called. Our own
/// estimate, above what the templates of the catalog's models write.
const BYTES_AROUND_TOOLS: usize = 768;

/// Bytes that chat templates write around each tool: names of fields, and spaces within its schema.
const BYTES_AROUND_TOOL: usize = 128;

impl Run {
    /// Begins a task whose inputs are there. Whether anything changed: not while an input is being
    /// shortened.
    pub(super) fn begin(&mut self, id: TaskId) -> bool {
        let known = self.tasks.len();
        match self.task(id).work.clone() {
            NodeWork::Plan { .. } => self.begin_planning(),
            NodeWork::Ask { agent, instruction } => {
                let task = self.task(id);
                let text = prompt::ask(&instruction, task.objection.as_ref(), &task.missing);
                let answer = task.max_tokens;
                let Some(opening) = self.opening(id, &agent, &text, answer) else {
                    return self.tasks.len() > known;
                };
                self.task_mut(id).has_shortened = opening.has_shortened;
                let mut step =
                    Step::new(CallPurpose::Ask, agent, opening.messages, opening.tokens, answer);
                step.tools = self.tools_of(id);
                // What the schemas of tools take of the prompt.
                let schemas = step.tools.iter().map(|tool| {
                    tool.parameters.len()
                        + tool.name.len()
                        + tool.description.as_ref().map_or(0, String::len)
                });
                let schemas: usize = schemas.map(|bytes| bytes + BYTES_AROUND_TOOL).sum();
                let around = if step.tools.is_empty() { 0 } else { BYTES_AROUND_TOOLS };
                let density = crate::prompt::Density::of(&self.spec);
                let schemas = density.tokens(schemas + around);
                step.prompt_tokens = step.prompt_tokens.saturating_add(schemas);
                self.run_steps(id, vec![step]);
            }
            NodeWork::Vote { .. } => return self.begin_vote(id),
            NodeWork::Check { .. } => return self.begin_check(id),
            NodeWork::Tool { tool, arguments } => self.begin_tool(id, &tool, arguments),
            NodeWork::Condense { .. } => match self.condensation_steps(id) {
                Some(steps) if self.budget.pressure() == Pressure::Low => self.run_steps(id, steps),
                _ => self.resolve(id, TaskState::Failed, Some("it cannot be shortened".to_owned())),
            },
        }
        true
    }

    pub(super) fn run_steps(&mut self, id: TaskId, steps: Vec<Step>) {
        let task = self.task_mut(id);
        task.steps = steps;
        task.state = TaskState::Running;
    }

    pub(super) fn answered(&mut self, call: CallId, answer: CallAnswer) {
        let Some((id, at)) =
            self.close(call, Some(answer.usage), answer.millijoules, &answer.spans)
        else {
            return;
        };
        let StepState::Open(_, given) = self.task(id).steps[at].state else { return };
        if answer.finish == FinishReason::Cancelled {
            return self.retry(id, at, RETRY_MS.0, "its call was cancelled by the engine");
        }
        let calls_tools =
            !answer.tool_calls.is_empty() && !self.task(id).steps[at].tools.is_empty();
        if answer.finish == FinishReason::Length && self.lengthen(id, at, given) {
            return;
        }
        if calls_tools {
            return self.tool_turn(id, at, answer);
        }
        if answer.text.trim().is_empty() {
            return self.repeat_once(id, at, "the answer is empty");
        }
        if answer.finish == FinishReason::Length {
            self.note_cut(id, at, given);
        }
        let tokens = answer.usage.completion_tokens.max(1);
        self.task_mut(id).steps[at].state = StepState::Done { text: answer.text, tokens };
        self.progress(id);
    }

    /// Goes on with a step whose call has failed.
    pub(super) fn failed(&mut self, id: TaskId, at: usize, failure: CallFailure) {
        match failure {
            CallFailure::Restarting { retry_after_ms } => {
                self.retry(id, at, retry_after_ms, "its engine kept restarting");
            }
            CallFailure::Busy { retry_after_ms } => {
                self.retry(id, at, retry_after_ms, "the queue of its engine stayed full");
            }
            CallFailure::Cancelled => {
                self.retry(id, at, RETRY_MS.0, "its call was cancelled by the engine");
            }
            CallFailure::Stalled => self.repeat_once(id, at, "no token came within the time"),
            CallFailure::Form { message } => self.repeat_once(id, at, &message),
            CallFailure::Refused { message } => self.fail_step(id, at, &message),
        }
    }

    /// Books the end of a call, and gives the step that it was made for, if that still waits for it.
    pub(super) fn close(
        &mut self,
        call: CallId,
        usage: Option<Usage>,
        millijoules: Option<u64>,
        spans: &[harmonic_types::TaskSpan],
    ) -> Option<(TaskId, usize)> {
        self.budget.settle(call, usage, millijoules);
        let OpenCall { task: id, target, is_abandoned, .. } = *self.calls.get(&call)?;
        let Target::Step(at) = target else { return None };
        self.calls.remove(&call);
        let task = self.task_mut(id);
        add_usage(&mut task.spent, usage.unwrap_or_default());
        if let Some(more) = millijoules {
            task.millijoules = Some(task.millijoules.unwrap_or(0).saturating_add(more));
        }
        task.spans.extend_from_slice(spans);
        let waits = task
            .steps
            .get(at)
            .is_some_and(|step| matches!(step.state, StepState::Open(open, _) if open == call));
        (waits && !is_abandoned).then_some((id, at))
    }

    /// Makes a call anew after a wait, as often as the limits allow.
    fn retry(&mut self, id: TaskId, at: usize, after_ms: u64, reason: &str) {
        let most = self.spec.limits.retries;
        self.forget_partial_plan(id);
        if self.phase != Phase::Running {
            self.task_mut(id).steps[at].state = StepState::Wanted;
            return;
        }
        let step = &mut self.task_mut(id).steps[at];
        step.retries += 1;
        if step.retries > most {
            return self.fail_step(id, at, &format!("{reason}, {most} times"));
        }
        let after_ms = after_ms.clamp(RETRY_MS.0, RETRY_MS.1);
        let at_ms = self.now.saturating_add(after_ms);
        let timer = self.set_timer(TimerUse::Retry(id, at), at_ms);
        self.task_mut(id).steps[at].state = StepState::Waiting(timer);
    }

    /// Makes a call anew with another seed, once.
    pub(super) fn repeat_once(&mut self, id: TaskId, at: usize, reason: &str) {
        let step = &mut self.task_mut(id).steps[at];
        if step.was_repeated {
            return self.fail_step(id, at, reason);
        }
        step.was_repeated = true;
        step.state = StepState::Wanted;
        self.forget_partial_plan(id);
    }

    /// Makes a call anew with up to twice the room, once, where the room was not the task's own
    /// bound.
    fn lengthen(&mut self, id: TaskId, at: usize, given: u32) -> bool {
        let has_bound = self.task(id).max_tokens.is_some();
        let context = self.agent(&self.task(id).steps[at].agent).context;
        let step = &self.task(id).steps[at];
        let room = context.saturating_sub(step.prompt_tokens);
        let is_fixed = has_bound || step.purpose == CallPurpose::Condense;
        if is_fixed || step.was_lengthened || given >= room {
            return false;
        }
        let prompt = u64::from(step.prompt_tokens);
        let mut wanted = given.saturating_mul(2).min(room);
        if let Some(available) = self.budget.available(self.last_task() == Some(id)) {
            let bearable = available.saturating_sub(prompt);
            wanted = wanted.min(u32::try_from(bearable).unwrap_or(u32::MAX));
        }
        if wanted <= given {
            return false;
        }
        let step = &mut self.task_mut(id).steps[at];
        step.was_lengthened = true;
        step.max_tokens = Some(wanted);
        step.state = StepState::Wanted;
        self.forget_partial_plan(id);
        true
    }

    fn note_cut(&mut self, id: TaskId, at: usize, given: u32) {
        let task = self.task(id);
        let text = format!("`{}` was cut at {given} tokens", task.title);
        // Where the task says how long it may be, that is what was asked for.
        let is_asked_for = task.max_tokens.is_some()
            || matches!(task.steps[at].purpose, CallPurpose::Condense | CallPurpose::Plan);
        if is_asked_for { self.note(text) } else { self.fall_short(text) }
    }

    pub(super) fn fail_step(&mut self, id: TaskId, at: usize, reason: &str) {
        let reason: String = reason.chars().take(1_000).collect();
        if let Some(step) = self.task_mut(id).steps.get_mut(at) {
            step.state = StepState::Failed(reason);
        }
        self.progress(id);
    }

    /// Goes on with a task once all its steps are settled.
    pub(super) fn progress(&mut self, id: TaskId) {
        let task = self.task(id);
        if task.state != TaskState::Running || !task.steps.iter().all(Step::is_settled) {
            return;
        }
        match task.work {
            NodeWork::Plan { .. } => self.plan_settled(),
            NodeWork::Vote { .. } => self.vote_settled(id),
            NodeWork::Check { .. } => self.check_settled(id),
            NodeWork::Ask { .. } | NodeWork::Condense { .. } | NodeWork::Tool { .. } => {
                self.texts_settled(id);
            }
        }
    }

    /// Ends an `ask` or a condensation with the texts of its steps.
    fn texts_settled(&mut self, id: TaskId) {
        let (mut texts, mut tokens, mut failure) = (Vec::new(), 0_u32, None);
        for step in &self.task(id).steps {
            match &step.state {
                StepState::Done { text, tokens: more } => {
                    texts.push(text.trim());
                    tokens = tokens.saturating_add(*more);
                }
                StepState::Failed(reason) => failure = Some(reason.clone()),
                _ => {}
            }
        }
        match failure {
            None => {
                let text = texts.join("\n");
                self.finish(id, Artifact { text, tokens });
            }
            Some(reason) => self.resolve(id, TaskState::Failed, Some(reason)),
        }
    }

    /// Ends a task with its artifact.
    pub(super) fn finish(&mut self, id: TaskId, artifact: Artifact) {
        let task = self.task_mut(id);
        task.artifact = Some(artifact);
        task.state = TaskState::Done;
        // Prompts hold copies of all inputs.
        task.steps.iter_mut().for_each(|step| step.messages.clear());
    }

    /// Forgets what of a plan was read, since it is written anew. Tasks that were started stay until
    /// the new plan lacks them.
    pub(super) fn forget_partial_plan(&mut self, id: TaskId) {
        if id == PLANNING {
            self.graph.partial = crate::partial::PartialPlan::default();
            self.graph.written.clear();
            self.graph.is_broken = false;
        }
    }

    /// `text` within `share` tokens, with a note where it had to be cut.
    pub(super) fn within_share(text: &str, tokens: u32, share: u32) -> (String, u32) {
        if tokens <= share {
            return (text.to_owned(), tokens);
        }
        let (part, all) = (beginning(text, tokens, share), text.chars().count());
        let shown = part.chars().count();
        (format!("{part}\n[the first {shown} of {all} characters: the rest did not fit]"), share)
    }
}
