//! Calls of tools: by a task of the graph, and by an agent in the turns of its task.

use std::fmt::Write as _;

use harmonic_types::{Message, Role, TaskState, Tool, ToolCall, ToolEffects};
use serde::Deserialize;

use super::approvals::Permission;
use super::branch::{SPLIT, canonical};
use super::node::{Artifact, StepState, ToolState, ToolStep};
use super::{Run, Target};
use crate::approval::ApprovalSubject;
use crate::call::{CallAnswer, CallId, TaskId};
use crate::prompt;
use crate::tool_call::{ARTIFACT_READ, ToolCallResult, ToolFailure, artifact_read};
use crate::tool_names::ToolNames;

/// Tools that one agent is shown.
const SHOWN_TOOLS: usize = 16;
/// Times that the same call is answered; the next one ends its task.
const SAME_CALLS: u32 = 2;
/// Characters that `artifact.read` gives at once.
const READ_CHARACTERS: usize = 8_000;
/// Part of a context that the answer after results of tools has.
const ANSWER_PART: u32 = 8;

impl Run {
    /// Tools that the agent of a task may call.
    pub(super) fn tools_of(&self, id: TaskId) -> Vec<Tool> {
        let task = self.task(id);
        let Some(profile) = task.agent().map(|agent| self.agent(agent)) else { return Vec::new() };
        let of_agent = self.spec.tools.iter().filter(|tool| profile.tools.contains(&tool.name));
        let own = artifact_read();
        let reads = (task.has_shortened && !profile.tools.is_empty()).then_some(&own);
        let names = self.tool_names();
        let shown = of_agent.take(SHOWN_TOOLS).chain(reads).map(|tool| Tool {
            name: names.shown(&tool.name),
            description: Some(tool.description.clone()),
            parameters: tool.input_schema.to_string(),
        });
        let split = self.split_tool(id);
        shown.chain(split.map(|tool| Tool { name: names.shown(&tool.name), ..tool })).collect()
    }

    /// The names of its tools, as models see them.
    fn tool_names(&self) -> ToolNames<'_> {
        let tools = self.spec.tools.iter().map(|tool| tool.name.as_str());
        ToolNames::of([ARTIFACT_READ, SPLIT].into_iter().chain(tools))
    }

    /// Begins a task that is a call of a tool.
    pub(super) fn begin_tool(&mut self, id: TaskId, tool: &str, arguments: String) {
        self.task_mut(id).state = TaskState::Running;
        let call = ToolCall { id: String::new(), name: tool.to_owned(), arguments };
        self.add_tool_step(id, &call);
        self.tools_progress(id);
    }

    /// Adds a call of a tool of the run: to be made, asked for, or denied.
    fn add_tool_step(&mut self, id: TaskId, call: &ToolCall) {
        let ToolCall { id: model_id, name, arguments } = call.clone();
        let spec = self.spec.tools.iter().find(|tool| tool.name == name).cloned();
        let (effects, state) = match &spec {
            None => {
                let unknown = format!("there is no tool `{name}` for this task");
                (ToolEffects::ReadOnly, ToolState::done(unknown, true))
            }
            Some(spec) => (spec.effects, self.admit(id, spec, &arguments)),
        };
        let step =
            ToolStep { id: model_id, tool: name, arguments, effects, state, was_repeated: false };
        self.task_mut(id).tool_steps.push(step);
    }

    fn admit(&mut self, id: TaskId, tool: &harmonic_types::ToolSpec, arguments: &str) -> ToolState {
        let permission = self.permission(tool);
        if permission == Permission::Denied {
            let denied =
                format!("`{}` was not called: the server does not allow it unasked", tool.name);
            return ToolState::done(denied, true);
        }
        let call = self.new_call();
        if permission == Permission::Granted {
            return ToolState::Ready(call);
        }
        let subject = ApprovalSubject::Tool {
            task: id,
            call,
            tool: tool.name.clone(),
            arguments: arguments.to_owned(),
            effects: tool.effects,
        };
        ToolState::Asking(self.ask(subject), call)
    }

    /// Takes an answer that calls tools.
    pub(super) fn tool_turn(&mut self, id: TaskId, at: usize, answer: CallAnswer) {
        let most = self.spec.limits.tool_calls as usize;
        let mut calls = answer.tool_calls;
        let excess = calls.len().saturating_sub(most);
        calls.truncate(most);
        let said = calls.clone();
        {
            let names = self.tool_names();
            for call in &mut calls {
                call.name = names.own(&call.name);
            }
        }
        let task = self.task_mut(id);
        if !answer.text.trim().is_empty() {
            task.words.push(answer.text.trim().to_owned());
        }
        let usage = answer.usage;
        let step = &mut task.steps[at];
        step.state = StepState::Tools;
        step.prompt_tokens = usage.prompt_tokens.max(step.prompt_tokens);
        step.prompt_tokens = step.prompt_tokens.saturating_add(usage.completion_tokens);
        let mut message = Message::new(Role::Assistant, answer.text.as_str());
        message.tool_calls = said;
        step.messages.push(message);
        let offered: Vec<String> = step.tools.iter().map(|tool| tool.name.clone()).collect();
        task.tool_steps.clear();
        let mut times = Vec::with_capacity(calls.len());
        for call in &calls {
            let key = (call.name.clone(), canonical(&call.arguments));
            let remembered = task.memory.entry(key).or_default();
            remembered.times += 1;
            times.push((remembered.times, remembered.result.clone()));
        }
        if times.iter().any(|(times, _)| *times > SAME_CALLS) {
            return self.end_with_words(id);
        }
        for (call, (times, result)) in calls.iter().zip(times) {
            if times == SAME_CALLS {
                let result = result.unwrap_or_else(|| "It is due with this one.".to_owned());
                self.add_answered(id, call, prompt::refused_repeat(&result), false);
            } else if !offered.contains(&self.tool_names().shown(&call.name)) {
                let known = offered.join(", ");
                let unknown = format!("unknown tool `{}`: expected one of {known}", call.name);
                self.add_answered(id, call, unknown, true);
            } else if call.name == ARTIFACT_READ {
                let (text, is_error) = match self.read_artifact(id, &call.arguments) {
                    Ok(text) => (text, false),
                    Err(reason) => (reason, true),
                };
                self.add_answered(id, call, text, is_error);
            } else if call.name == SPLIT {
                match self.start_branch(id, &call.arguments) {
                    Ok(()) => self.add_step(id, call, ToolState::Branch),
                    Err(reason) => self.add_answered(id, call, reason, true),
                }
            } else {
                self.add_tool_step(id, call);
            }
        }
        if excess > 0 {
            self.note(format!(
                "{excess} calls of tools in one turn were beyond the limit of {most}"
            ));
        }
        self.tools_progress(id);
    }

    fn add_step(&mut self, id: TaskId, call: &ToolCall, state: ToolState) {
        let ToolCall { id: model_id, name: tool, arguments } = call.clone();
        let effects = ToolEffects::ReadOnly;
        let step = ToolStep { id: model_id, tool, arguments, effects, state, was_repeated: false };
        self.task_mut(id).tool_steps.push(step);
    }

    fn add_answered(&mut self, id: TaskId, call: &ToolCall, text: String, is_error: bool) {
        self.add_step(id, call, ToolState::done(text, is_error));
        let at = self.task(id).tool_steps.len() - 1;
        self.remember(id, at);
    }

    /// What the arguments ask for of an artifact that the task reads.
    fn read_artifact(&self, id: TaskId, arguments: &str) -> Result<String, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Arguments {
            artifact: String,
            #[serde(default)]
            offset: usize,
            length: Option<usize>,
        }
        let Arguments { artifact, offset, length } = serde_json::from_str(arguments)
            .map_err(|error| format!("invalid arguments: {error}"))?;
        let inputs = || self.task(id).after.iter().map(|input| self.task(*input));
        let Some(found) = inputs().find(|task| task.label == artifact) else {
            let labels: Vec<&str> = inputs().map(|task| task.label.as_str()).collect();
            let known = labels.join(", ");
            return Err(format!("unknown artifact `{artifact}`: expected one of {known}"));
        };
        let text = found.artifact.as_ref().map_or("", |artifact| &artifact.text);
        let all = text.chars().count();
        let length = length.unwrap_or(READ_CHARACTERS).clamp(1, READ_CHARACTERS);
        let part: String = text.chars().skip(offset).take(length).collect();
        let end = offset.saturating_add(part.chars().count());
        Ok(format!("[characters {offset} to {end} of {all}]\n{part}"))
    }

    pub(super) fn tool_intended(&mut self, call: CallId) {
        let Some((id, at)) = self.open_tool(call) else { return };
        if let ToolState::Open { call: open, is_intended } =
            &mut self.task_mut(id).tool_steps[at].state
            && *open == call
        {
            *is_intended = true;
        }
    }

    pub(super) fn tool_returned(&mut self, call: CallId, result: ToolCallResult) {
        let Some((id, at)) = self.open_tool(call) else { return };
        self.calls.remove(&call);
        self.task_mut(id).spans.extend_from_slice(&result.spans);
        if !self.awaits(id, at, call) {
            return;
        }
        let ToolCallResult { output, tokens, .. } = result;
        let mut text = output.text;
        if output.bytes_cut > 0 {
            let _ = write!(text, "\n[{} more bytes were cut off]", output.bytes_cut);
        }
        let tokens =
            tokens.unwrap_or_else(|| prompt::Density::of(&self.spec).tokens(text.len())).max(1);
        self.task_mut(id).tool_steps[at].state =
            ToolState::Done { text, tokens, is_error: output.is_error };
        self.remember(id, at);
        self.tools_progress(id);
    }

    pub(super) fn tool_failed(&mut self, call: CallId, failure: ToolFailure) {
        let Some((id, at)) = self.open_tool(call) else { return };
        if !self.awaits(id, at, call) {
            self.calls.remove(&call);
            return;
        }
        let step = &self.task(id).tool_steps[at];
        let may_repeat = matches!(step.effects, ToolEffects::ReadOnly | ToolEffects::Idempotent);
        match failure {
            ToolFailure::Refused { message } => {
                self.calls.remove(&call);
                self.settle_tool(id, at, message, true);
            }
            ToolFailure::Unknown { message } if may_repeat && step.was_repeated => {
                self.calls.remove(&call);
                self.settle_tool(id, at, message, true);
            }
            ToolFailure::Unknown { .. } if may_repeat => {
                self.task_mut(id).tool_steps[at].was_repeated = true;
                self.make_again(id, at, call);
            }
            ToolFailure::Unknown { .. } => self.ask_to_repeat(id, at, call),
            ToolFailure::Cancelled => self.make_again(id, at, call),
        }
    }

    fn make_again(&mut self, id: TaskId, at: usize, call: CallId) {
        self.calls.remove(&call);
        let call = self.new_call();
        self.task_mut(id).tool_steps[at].state = ToolState::Ready(call);
    }

    fn open_tool(&self, call: CallId) -> Option<(TaskId, usize)> {
        let open = self.calls.get(&call)?;
        match open.target {
            Target::Tool(at) => Some((open.task, at)),
            Target::Step(_) => None,
        }
    }

    /// Whether the call of a tool still waits for `call`; a question whether to repeat it is
    /// withdrawn, now that its end is known.
    fn awaits(&mut self, id: TaskId, at: usize, call: CallId) -> bool {
        match self.task(id).tool_steps.get(at).map(|step| step.state.clone()) {
            Some(ToolState::Open { call: open, .. }) => open == call,
            Some(ToolState::Asking(approval, asked)) if asked == call => {
                self.withdraw(approval);
                true
            }
            _ => false,
        }
    }

    /// Ends the call of a tool with what the model reads of it.
    pub(super) fn settle_tool(&mut self, id: TaskId, at: usize, text: String, is_error: bool) {
        self.task_mut(id).tool_steps[at].state = ToolState::done(text, is_error);
        self.remember(id, at);
        self.tools_progress(id);
    }

    fn remember(&mut self, id: TaskId, at: usize) {
        let task = self.task_mut(id);
        let step = &task.tool_steps[at];
        let ToolState::Done { text, .. } = &step.state else { return };
        let key = (step.tool.clone(), canonical(&step.arguments));
        let remembered = task.memory.entry(key).or_default();
        remembered.result.get_or_insert_with(|| text.clone());
    }

    /// Goes on once all calls of the turn have ended.
    fn tools_progress(&mut self, id: TaskId) {
        let steps = &self.task(id).tool_steps;
        if !steps.iter().all(|step| matches!(step.state, ToolState::Done { .. })) {
            return;
        }
        if self.is_tool_task(id) {
            let ToolState::Done { text, tokens, is_error } = steps[0].state.clone() else { return };
            if is_error {
                let reason = text.chars().take(1_000).collect();
                self.resolve(id, TaskState::Failed, Some(reason));
            } else {
                self.finish(id, Artifact { text, tokens });
            }
            return;
        }
        self.next_turn(id);
    }

    /// Gives the results of tools to the agent.
    fn next_turn(&mut self, id: TaskId) {
        let most_turns = self.spec.limits.tool_turns;
        let Some(at) = self.task(id).steps.iter().position(|step| step.state == StepState::Tools)
        else {
            return;
        };
        let context = self.agent(&self.task(id).steps[at].agent).context;
        let is_exhausted = self.is_exhausted;
        let task = self.task_mut(id);
        let results = std::mem::take(&mut task.tool_steps);
        let step = &mut task.steps[at];
        let room = context.saturating_sub(step.prompt_tokens).saturating_sub(context / ANSWER_PART);
        let tokens_of = |result: &ToolStep| match &result.state {
            ToolState::Done { tokens, .. } => *tokens,
            _ => 0,
        };
        let sizes: Vec<u32> = results.iter().map(tokens_of).collect();
        let shares = prompt::shares(&sizes, room);
        for (result, share) in results.iter().zip(shares) {
            let ToolState::Done { text, tokens, is_error } = &result.state else { continue };
            let (text, tokens) = Self::within_share(text, *tokens, share);
            let text = if *is_error { format!("Error: {text}") } else { text };
            step.prompt_tokens = step.prompt_tokens.saturating_add(tokens).saturating_add(16);
            let mut message = Message::new(Role::Tool, text);
            message.tool_call_id = Some(result.id.clone());
            step.messages.push(message);
        }
        step.turn += 1;
        if step.turn + 1 >= most_turns || is_exhausted {
            step.tools.clear();
            step.messages.push(Message::new(Role::User, prompt::last_turn()));
        }
        step.state = StepState::Wanted;
        step.retries = 0;
    }

    /// Ends a task that repeats itself with what it has said, or what its tools have.
    fn end_with_words(&mut self, id: TaskId) {
        let task = self.task(id);
        let title = task.title.clone();
        let said = task.words.join("\n\n");
        let text = if said.is_empty() {
            let results = task.memory.values().filter_map(|call| call.result.clone());
            results.collect::<Vec<_>>().join("\n\n")
        } else {
            said
        };
        self.fall_short(format!(
            "`{title}` was ended, since it made the same call of a tool again and again"
        ));
        if text.trim().is_empty() {
            let reason = "it made the same call of a tool again and again".to_owned();
            return self.resolve(id, TaskState::Failed, Some(reason));
        }
        self.abandon(id);
        let tokens = prompt::Density::of(&self.spec).tokens(text.len()).max(1);
        self.finish(id, Artifact { text, tokens });
    }
}
