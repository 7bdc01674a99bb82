//! A run as lines, for pipes and logs: each with the name of its agent in brackets.
//!
//! Invariant: a line of an answer is printed when it is complete, so that parallel tasks interleave
//! by lines; every piece of text is in exactly one of them.

use std::collections::BTreeMap;

use harmonic_api::RunNews;
use harmonic_api::runs::RunChange;
use harmonic_app::run_view::{Lane, RunView};
use harmonic_orchestrator::{CallId, Decision, RunEvent, TaskId};
use harmonic_types::{AgentName, TaskState, counted};

use crate::run_lane::{name, one_line};
use crate::runs;

/// Printer of lines, with what has not ended its line.
#[derive(Debug, Default)]
pub struct RunLines {
    unfinished: BTreeMap<CallId, String>,
}

impl RunLines {
    /// The lines of `news`; `before` is the state without it.
    pub fn lines(&mut self, before: &RunView, news: &RunNews) -> Vec<String> {
        match news {
            RunNews::Snapshot(snapshot) => {
                let open = |approval| format!("[approval] {}", runs::question(approval));
                snapshot.approvals.iter().map(open).collect()
            }
            RunNews::Lost(lost) => {
                let lost = counted(*lost, "event");
                vec![format!("[run] {lost} lost: this reader was too slow")]
            }
            RunNews::Update(update) => self.change(before, &update.change),
        }
    }

    fn change(&mut self, before: &RunView, change: &RunChange) -> Vec<String> {
        let lane = |task: &TaskId| before.lane(*task);
        let who = |task: &TaskId| lane(task).map_or_else(|| "?".to_owned(), name);
        match change {
            RunChange::Queued { agent, .. } => vec![format!("[{agent}] waits for a slot")],
            RunChange::Granted { task, slot, .. } => vec![format!("[{}] slot {slot}", who(task))],
            RunChange::Preempted { task, .. } => {
                vec![format!("[{}] preempted: waits for a slot", who(task))]
            }
            // The answer goes to stdout.
            RunChange::Text { answer: true, .. } | RunChange::Spent { .. } => Vec::new(),
            RunChange::Text { task, call, text, .. } => self.text(&who(task), *call, text),
            RunChange::ToolCalled { task, tool, arguments, .. } => {
                let arguments = one_line(arguments);
                vec![format!("[{}] calls {tool} {arguments}", who(task))]
            }
            RunChange::CallEnded { task, call, error, .. } => {
                let who = who(task);
                let rest = self.unfinished.remove(call).filter(|rest| !rest.trim().is_empty());
                let rest = rest.map(|rest| format!("[{who}] │ {}", one_line(&rest)));
                let failed = error.as_ref();
                let failed =
                    failed.map(|error| format!("[{who}] call failed: {}", one_line(error)));
                rest.into_iter().chain(failed).collect()
            }
            RunChange::Asked { approval } => {
                vec![format!("[approval] {}", runs::question(approval))]
            }
            RunChange::Withdrawn { approval } => {
                vec![format!("[approval] {} needs no answer any more", approval.0)]
            }
            RunChange::Run(event) => self::event(event, lane),
        }
    }

    fn text(&mut self, who: &str, call: CallId, text: &str) -> Vec<String> {
        let unfinished = self.unfinished.entry(call).or_default();
        unfinished.push_str(text);
        let Some(end) = unfinished.rfind('\n') else { return Vec::new() };
        let whole: String = unfinished.drain(..=end).collect();
        let lines = whole.lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| format!("[{who}] │ {}", one_line(line))).collect()
    }
}

fn event<'a>(event: &RunEvent, lane: impl Fn(&TaskId) -> Option<&'a Lane>) -> Vec<String> {
    match event {
        RunEvent::State { state } => vec![format!("[run] {}", runs::state(state))],
        RunEvent::Graph { graph, origin } => {
            vec![format!("[run] {}, by {origin}", counted(graph.tasks.len(), "task"))]
        }
        RunEvent::Task { task, title, kind, agent, state, reason } => {
            let who = agent.as_ref().map_or("tool", |AgentName(name)| name.as_str());
            let title = one_line(title);
            let because = reason.as_ref().map(|reason| format!(": {}", one_line(reason)));
            let because = because.unwrap_or_default();
            let text = match state {
                TaskState::Blocked => return Vec::new(),
                TaskState::Running if lane(task).is_some() => return Vec::new(),
                TaskState::Running => format!("{kind}: {title}"),
                TaskState::WaitingForApproval => format!("waits for approval: {title}{because}"),
                TaskState::Done => match lane(task).map_or(0, Lane::output_tokens) {
                    0 => format!("done: {title}"),
                    tokens => format!("done: {title}, {}", counted(tokens, "token")),
                },
                TaskState::Failed => format!("failed: {title}{because}"),
                TaskState::Skipped => format!("skipped: {title}{because}"),
            };
            vec![format!("[{who}] {text}")]
        }
        RunEvent::Decided { approval, decision, timed_out } => {
            let answer = match decision {
                Decision::Approved => "approved",
                Decision::Denied => "denied",
            };
            let silence = if *timed_out { ": nobody answered in time" } else { "" };
            vec![format!("[approval] {} {answer}{silence}", approval.0)]
        }
        RunEvent::Note { text } => vec![format!("[note] {}", one_line(text))],
    }
}
