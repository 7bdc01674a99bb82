//! The events of a run as those of a generation.

use std::collections::BTreeMap;

use futures::StreamExt;
use harmonic_api::runs::RunChange;
use harmonic_gateway::{RunDelivery, RunEvents};
use harmonic_orchestrator::{RunEvent, TaskId};
use harmonic_types::{Event, FinishReason, Request, RunRecord, RunState, TaskState, Usage};
use tokio::sync::mpsc::UnboundedSender;

/// Writer of a generation's events.
pub(super) struct Progress {
    sender: UnboundedSender<Event>,
    /// Whether the client wants to see what the team does.
    reasons: bool,
    /// Whether text may be sent before the answer is whole.
    streams: bool,
    stop: Vec<String>,
    /// What of the answer was sent.
    sent: String,
    titles: BTreeMap<TaskId, String>,
}

impl Progress {
    pub(super) fn new(sender: UnboundedSender<Event>, request: &Request) -> Self {
        Self {
            sender,
            reasons: request.thinking != Some(false),
            streams: request.stop.is_empty(),
            stop: request.stop.clone(),
            sent: String::new(),
            titles: BTreeMap::new(),
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
            RunChange::Text { text, answer: true, .. } if self.streams => {
                self.sent.push_str(text);
                self.send(Event::Text { text: text.clone(), logprobs: Vec::new() });
            }
            _ => {}
        }
    }

    /// Sends what is left of the answer, and the end.
    pub(super) fn end(&self, record: &RunRecord) {
        let reason = match &record.state {
            RunState::Done => None,
            RunState::Partial { reason } => Some(reason.clone()),
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
        let partial = reason.map_or(String::new(), |reason| format!("\n\n(Partial: {reason})"));
        let text = rest + &partial;
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
            (Some(index), _) => FinishReason::StopString { index },
            (None, RunState::Done) => FinishReason::Stop,
            (None, _) => FinishReason::Length,
        };
        self.send(Event::Finished { reason, usage });
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
