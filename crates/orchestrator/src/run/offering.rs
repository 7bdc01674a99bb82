//! Offering of calls: what they may take of budget and context.

use harmonic_types::{Message, TaskState};

use super::node::{NodeWork, Step, StepState, ToolState};
use super::{OpenCall, PLANNING, Run, Target};
use crate::action::Action;
use crate::call::{CallId, CallPurpose, CallSpec, TaskId};
use crate::prompt::digest;
use crate::schema::PlanBounds;
use crate::tool_call::ToolCallSpec;

/// Tokens of an answer below which a call is not worth making.
pub(super) const LEAST_ANSWER: u32 = 32;

impl Run {
    /// Offers the wanted steps of a task. Whether anything changed.
    pub(super) fn offer_steps(&mut self, id: TaskId) -> bool {
        if self.finish_branch(id) {
            return true;
        }
        let mut changed = false;
        for at in 0..self.task(id).steps.len() {
            // A step that fails can end its task.
            if self.task(id).steps.get(at).is_some_and(|step| step.state == StepState::Wanted) {
                changed |= self.offer(id, at);
            }
        }
        for at in 0..self.task(id).tool_steps.len() {
            if let ToolState::Ready(call) = self.task(id).tool_steps[at].state {
                self.offer_tool(id, at, call);
                changed = true;
            }
        }
        changed
    }

    fn offer(&mut self, id: TaskId, at: usize) -> bool {
        let step = &self.task(id).steps[at];
        let (prompt, context) = (step.prompt_tokens, self.agent(&step.agent).context);
        let room = context.saturating_sub(prompt);
        if room == 0 {
            let reason = format!(
                "the prompt has about {prompt} tokens, but the context of {} has {context}: shorten \
                 goal and brief, or start the stack with a larger context",
                step.agent
            );
            self.fail_step(id, at, &reason);
            return true;
        }
        let is_last = self.last_task() == Some(id);
        let asked = step.max_tokens.unwrap_or(room).min(room);
        let is_free = step.max_tokens.is_none();
        let max_tokens = match self.budget.available(is_last) {
            None => asked,
            Some(available) => {
                let for_answer = |tokens: u64| {
                    u32::try_from(tokens.saturating_sub(u64::from(prompt))).unwrap_or(u32::MAX)
                };
                let fair = if is_free {
                    for_answer(available / self.open_work(id)).max(LEAST_ANSWER)
                } else {
                    asked
                };
                asked.min(fair).min(for_answer(available))
            }
        };
        if max_tokens < asked.min(LEAST_ANSWER) || max_tokens == 0 {
            if self.budget.has_reserved() || self.is_raise_open() {
                return false;
            }
            self.is_exhausted |= !is_last;
            self.fail_step(id, at, "the budget does not bear its call");
            return true;
        }
        let call = self.new_call();
        if !self.budget.reserve(call, u64::from(prompt) + u64::from(max_tokens), is_last) {
            return false;
        }
        self.task_mut(id).steps[at].state = StepState::Open(call, max_tokens);
        let open = OpenCall {
            task: id,
            target: Target::Step(at),
            is_abandoned: false,
            is_cancelled: false,
        };
        self.calls.insert(call, open);
        let spec = Box::new(self.call_spec(id, at, call, max_tokens));
        self.actions.push(Action::Call { spec });
        true
    }

    fn call_spec(&self, id: TaskId, at: usize, call: CallId, max_tokens: u32) -> CallSpec {
        let (task, step) = (self.task(id), &self.task(id).steps[at]);
        // The same whenever the task is done, so that recorded answers fit.
        let seed = digest([
            self.spec.seed.to_le_bytes().as_slice(),
            task.label.as_bytes(),
            &task.attempt.to_le_bytes(),
            &(at as u64).to_le_bytes(),
            &[u8::from(step.was_repeated)],
        ]);
        CallSpec {
            call,
            task: id,
            title: task.title.clone(),
            purpose: step.purpose,
            agent: step.agent.clone(),
            turn: step.turn,
            messages: step.messages.clone(),
            tools: step.tools.clone(),
            json_schema: step.json_schema.clone(),
            prompt_tokens: step.prompt_tokens,
            max_tokens,
            ignore_eos: self.spec.ignore_eos && step.is_free_text(),
            seed,
            class: self.spec.class,
            idle_ms: self.spec.limits.idle_ms,
        }
    }

    fn offer_tool(&mut self, id: TaskId, at: usize, call: CallId) {
        let limits = self.spec.limits;
        let task = self.task_mut(id);
        let title = task.title.clone();
        let step = &mut task.tool_steps[at];
        step.state = ToolState::Open { call, is_intended: false };
        let spec = Box::new(ToolCallSpec {
            call,
            task: id,
            title,
            tool: step.tool.clone(),
            arguments: step.arguments.clone(),
            effects: step.effects,
            max_bytes: limits.tool_bytes,
            max_ms: limits.tool_ms,
        });
        let open = OpenCall {
            task: id,
            target: Target::Tool(at),
            is_abandoned: false,
            is_cancelled: false,
        };
        self.calls.insert(call, open);
        self.actions.push(Action::CallTool { spec });
    }

    /// Calls that share what is left of the budget, this one included.
    fn open_work(&self, id: TaskId) -> u64 {
        if !self.graph.is_complete && id != PLANNING {
            return u64::from(PlanBounds::of(&self.spec).tasks);
        }
        let wanted = |task: &super::TaskNode| match (task.state, &task.work) {
            (TaskState::Blocked, NodeWork::Vote { samples, .. }) => u64::from(*samples),
            (TaskState::Blocked, NodeWork::Tool { .. }) => 0,
            (TaskState::Blocked, _) => 1,
            (TaskState::Running, _) => {
                task.steps.iter().filter(|step| step.state == StepState::Wanted).count() as u64
            }
            _ => 0,
        };
        self.tasks.iter().map(wanted).sum::<u64>().max(1)
    }

    /// Cancels a call, once; its reservation stays until its end is reported.
    pub(super) fn cancel_call(&mut self, call: CallId) {
        if let Some(open) = self.calls.get_mut(&call)
            && !open.is_cancelled
        {
            open.is_cancelled = true;
            self.actions.push(Action::Cancel { call });
        }
    }
}

impl Step {
    /// Whether its answer is a text that nothing but its length ends.
    fn is_free_text(&self) -> bool {
        let is_answer = matches!(self.purpose, CallPurpose::Ask | CallPurpose::Sample { .. });
        is_answer && self.tools.is_empty() && self.json_schema.is_none()
    }

    /// A step that is wanted.
    pub(super) fn new(
        purpose: CallPurpose,
        agent: harmonic_types::AgentName,
        messages: Vec<Message>,
        prompt_tokens: u32,
        max_tokens: Option<u32>,
    ) -> Self {
        Self {
            purpose,
            agent,
            messages,
            tools: Vec::new(),
            json_schema: None,
            prompt_tokens,
            turn: 0,
            max_tokens,
            state: StepState::Wanted,
            retries: 0,
            was_repeated: false,
            was_lengthened: false,
        }
    }
}
