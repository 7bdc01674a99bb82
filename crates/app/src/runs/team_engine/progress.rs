//! The events of a run as those of a generation.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use harmonic_api::runs::RunChange;
use harmonic_gateway::{RunDelivery, RunEvents};
use harmonic_orchestrator::{CallId, RunEvent, TaskId};
use harmonic_types::{
    Event, FinishReason, Request, RunRecord, RunState, Task, TaskRecord, TaskState, Usage,
};
use tokio::sync::mpsc::UnboundedSender;

use super::answer_bound::AnswerBound;
use crate::runs::new_run::answer_writer;
use crate::runs::team::RunTeam;

/// Writer of a generation's events.
pub(super) struct Progress {
    sender: UnboundedSender<Event>,
    /// Whether the client wants to see what the team does.
    reasons: bool,
    /// Whether text may be sent before the answer is whole.
    streams: bool,
    stop: Vec<String>,
    /// Bound of the answer.
    bound: Option<AnswerBound>,
    /// What of the answer was sent.
    sent: String,
    /// The call whose answer was sent last, and how many were.
    answering: Option<CallId>,
    attempts: u32,
    titles: BTreeMap<TaskId, String>,
    /// Tasks whose last call was cut off at its bound.
    cut: BTreeSet<TaskId>,
}

impl Progress {
    pub(super) fn new(sender: UnboundedSender<Event>, request: &Request) -> Self {
        Self {
            sender,
            reasons: request.thinking != Some(false),
            streams: request.stop.is_empty(),
            stop: request.stop.clone(),
            bound: request.max_tokens.map(AnswerBound::new),
            sent: String::new(),
            answering: None,
            attempts: 0,
            titles: BTreeMap::new(),
            cut: BTreeSet::new(),
        }
    }

    /// A line of reasoning, before the answer begins.
    pub(super) fn note(&self, line: &str) {
        if self.reasons && self.sent.is_empty() {
            self.send(Event::Reasoning { text: format!("{line}\n") });
        }
    }

    fn send(&self, event: Event) {
        // The client is gone, and the run with it.
        let _ = self.sender.send(event);
    }

    /// Sends what happens until the run is driven no longer.
    pub(super) async fn follow(&mut self, mut events: RunEvents) {
        while let Some(delivery) = events.next().await {
            match delivery {
                RunDelivery::Update(update) => self.take(&update.change),
                RunDelivery::Lost(_) | RunDelivery::Snapshot(_) => {}
            }
        }
    }

    fn take(&mut self, change: &RunChange) {
        match change {
            RunChange::Run(RunEvent::Task { task, title, agent, state, reason, .. }) => {
                self.titles.insert(*task, title.clone());
                let who = agent.as_ref().map_or(String::new(), |agent| format!(" ({agent})"));
                let what = match state {
                    TaskState::Blocked => return,
                    TaskState::Running => "begins",
                    TaskState::WaitingForApproval => "waits for a person",
                    TaskState::Done => "is done",
                    TaskState::Failed => "has failed",
                    TaskState::Skipped => "is left out",
                };
                let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
                self.note(&format!("{title}{who} {what}{why}"));
            }
            RunChange::Run(RunEvent::Note { text }) => self.note(text),
            RunChange::ToolCalled { task, tool, .. } => {
                let title = self.titles.get(task).map_or("a task", String::as_str);
                self.note(&format!("{title} calls {tool}"));
            }
            RunChange::Text { call, text, answer: true, .. } if self.streams => {
                if self.answering.replace(*call) != Some(*call) {
                    self.attempts += 1;
                }
                // Each attempt has the whole bound.
                if self.attempts == 1 || self.bound.is_none() {
                    self.sent.push_str(text);
                    self.send(Event::Text { text: text.clone(), logprobs: Vec::new() });
                }
            }
            RunChange::CallEnded { task, is_cut, .. } => {
                if *is_cut {
                    self.cut.insert(*task);
                } else {
                    self.cut.remove(task);
                }
            }
            _ => {}
        }
    }

    /// Sends what is left of the answer, and the end.
    pub(super) async fn end(&self, record: &RunRecord, team: &RunTeam) {
        let partial = match &record.state {
            RunState::Done => String::new(),
            RunState::Partial { reason } => format!("\n\n(Partial: {reason})"),
            RunState::Failed { reason } => return self.fail(reason.clone()),
            RunState::Running | RunState::WaitingForApproval | RunState::Stopped => {
                return self.fail("the run was interrupted".to_owned());
            }
        };
        let (answer, stopped) = self.stopped(record.answer.as_deref().unwrap_or_default());
        let rest = match answer.trim_start().strip_prefix(self.sent.trim_start()) {
            Some(rest) => rest.to_owned(),
            None if self.sent.trim_end() == answer.trim() => String::new(),
            // A later attempt counts, and what was sent cannot be taken back.
            None => format!("\n\n{answer}"),
        };
        let mut whole = format!("{}{rest}", self.sent);
        let mut is_cut = self.is_cut(record);
        if let Some(bound) = self.bound {
            let length = whole.len();
            if !self.had_its_bound(record) {
                whole.truncate(bound.longest(team, &whole).await.max(self.sent.len()));
            }
            is_cut |= whole.len() < length || bound.is_reached(team, &whole).await;
            if bound.holds(team, &format!("{whole}{partial}")).await {
                whole.push_str(&partial);
            }
        } else {
            whole.push_str(&partial);
        }
        let text = whole.split_off(self.sent.len());
        if !text.is_empty() {
            self.send(Event::Text { text, logprobs: Vec::new() });
        }
        let spent = &record.spent;
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let usage = Usage {
            prompt_tokens: count(spent.prompt_tokens),
            completion_tokens: count(spent.output_tokens),
            cached_tokens: count(spent.cached_tokens),
        };
        let reason = match (stopped, &record.state) {
            (Some(index), _) if !is_cut => FinishReason::StopString { index },
            (None, RunState::Done) if !is_cut => FinishReason::Stop,
            _ => FinishReason::Length,
        };
        self.send(Event::Finished { reason, usage });
    }

    /// Whether the last call of the task that wrote the answer was cut off at its bound.
    fn is_cut(&self, record: &RunRecord) -> bool {
        let writer = writer(record);
        let wrote = |task: &TaskId| {
            writer.is_some_and(|writer| self.titles.get(task) == Some(&writer.title))
        };
        self.cut.iter().any(wrote)
    }

    /// Whether the answer is that of a call that was bounded as the request says.
    fn had_its_bound(&self, record: &RunRecord) -> bool {
        let Some(writer) = writer(record) else { return false };
        let is_answer = |task: &TaskRecord| {
            task.title == writer.title
                && task.state == TaskState::Done
                && task.text == record.answer
        };
        self.attempts <= 1 && record.tasks.iter().any(is_answer)
    }

    /// Ends without an answer.
    pub(super) fn fail(&self, message: String) {
        self.send(Event::Failed { message });
    }

    /// `answer` up to the first stop string, with its index.
    fn stopped<'a>(&self, answer: &'a str) -> (&'a str, Option<u32>) {
        let found = self.stop.iter().enumerate().filter_map(|(index, stop)| {
            let at = answer.find(stop.as_str()).filter(|_| !stop.is_empty())?;
            Some((at, u32::try_from(index).unwrap_or(u32::MAX)))
        });
        match found.min() {
            Some((at, index)) => (&answer[..at], Some(index)),
            None => (answer, None),
        }
    }
}

/// The task that writes the answer.
fn writer(record: &RunRecord) -> Option<&Task> {
    let graph = record.graph.as_ref()?;
    graph.tasks.get(answer_writer(graph)?)
}
