//! Runs as text: lists, records, questions to a person, and figures.

use std::time::Duration;

use harmonic_api::runs::RunSummary;
use harmonic_app::run_view::RunView;
use harmonic_layout::{Column, Flow, Table, Width};
use harmonic_orchestrator::{Approval, ApprovalSubject};
use harmonic_types::{
    AgentName, ChildRun, RunBudget, RunRecord, RunSpent, RunState, TaskRecord, TaskState,
    ToolEffects, counted, duration_text,
};

use crate::lines::labelled;
use crate::run_lane::one_line;

const NONE: &str = "–";

/// Characters of a goal in a table.
const GOAL: usize = 48;

/// Characters of the arguments of a tool in a question.
const ARGUMENTS: usize = 400;

/// Table with a row per run; ages are at `now_ms`, in milliseconds since the Unix epoch.
pub fn list(runs: &[RunSummary], now_ms: u64, width: Width) -> String {
    let row = |run: &RunSummary| {
        [
            run.id.to_string(),
            run.state.name().to_owned(),
            format!("{}/{}", run.tasks_done, run.tasks),
            if run.approvals > 0 { run.approvals.to_string() } else { NONE.to_owned() },
            tokens_so_far(&run.state, run.spent),
            duration_text(run.spent.time()),
            age(now_ms.saturating_sub(run.started_ms)),
            shortened(&one_line(&run.goal), GOAL),
        ]
    };
    let columns = [
        Column::text("run"),
        Column::text("state"),
        Column::figure("tasks"),
        Column::figure("to approve").leaves(2),
        Column::figure("tokens").leaves(3),
        Column::figure("time").leaves(4),
        Column::figure("started").leaves(1),
        Column::text("goal").wraps(),
    ];
    Table::new(columns, runs.iter().map(row)).text(width)
}

/// Tokens of a run; while calls of it may be open, whose tokens are counted at their end, those that
/// are known are its least.
fn tokens_so_far(state: &RunState, spent: RunSpent) -> String {
    match (state, spent.tokens()) {
        (RunState::Running, 0) => NONE.to_owned(),
        (RunState::Running, tokens) => format!("≥ {tokens}"),
        (_, tokens) => tokens.to_string(),
    }
}

/// A run: what it is, its tasks, what it cost, and its answer.
pub fn record(record: &RunRecord, approvals: &[Approval], width: Width) -> String {
    let mut parts = vec![
        labelled("run", &record.id.0, width),
        labelled("goal", &one_line(&record.goal), width),
        labelled("state", &state(&record.state), width),
    ];
    if !record.origin.is_empty() {
        parts.push(labelled("plan", &record.origin, width));
    }
    if let Some(bounds) = bounds(&record.budget) {
        parts.push(labelled("budget", &bounds, width));
    }
    parts.push(labelled("cost", &cost(record), width));
    if let Some(parent) = &record.parent {
        parts.push(labelled("parent", &parent.0, width));
    }
    parts.extend(record.children.iter().map(|child| labelled("child", &started(child), width)));
    parts.extend(approvals.iter().map(|one| labelled("approve", &question(one), width)));
    if !record.tasks.is_empty() {
        parts.push(String::new());
        parts.push(tasks(&record.tasks, width));
    }
    if let Some(answer) = &record.answer {
        parts.push(String::new());
        // As the answer is printed while it is written.
        let mut flow = Flow::new(width);
        parts.push(format!("{}{}", flow.push(answer.trim_end()), flow.end()));
    }
    parts.join("\n")
}

/// A run that was started from inside of another.
fn started(child: &ChildRun) -> String {
    let state = if child.has_ended { "ended" } else { "open" };
    format!("{} ({state}, {} of the cost)", child.id, counted(child.spent.tokens(), "token"))
}

fn tasks(tasks: &[TaskRecord], width: Width) -> String {
    // What an open call has used is not known before its end.
    let known = |task: &TaskRecord, figure: String| {
        let is_open = matches!(task.state, TaskState::Running | TaskState::WaitingForApproval);
        let has_ended_calls = task.spent.tokens() > 0 || task.busy_ms() > 0;
        if is_open && !has_ended_calls { NONE.to_owned() } else { figure }
    };
    let row = |(position, task): (usize, &TaskRecord)| {
        [
            (position + 1).to_string(),
            one_line(&task.title),
            task.agent.as_ref().map_or_else(|| NONE.to_owned(), |AgentName(name)| name.clone()),
            task.kind.clone(),
            task.state.name().to_owned(),
            known(task, task.spent.output_tokens.to_string()),
            known(task, task.spent.cached_tokens.to_string()),
            known(task, duration_text(Duration::from_millis(task.busy_ms()))),
        ]
    };
    let columns = [
        Column::figure("no."),
        Column::text("task").wraps(),
        Column::text("agent"),
        Column::text("kind").leaves(2),
        Column::text("state"),
        Column::figure("tokens"),
        Column::figure("cached").leaves(1),
        Column::figure("time").leaves(3),
    ];
    Table::new(columns, tasks.iter().enumerate().map(row)).text(width)
}

/// What a run has cost, in one line.
pub fn cost(record: &RunRecord) -> String {
    let RunSpent { prompt_tokens, cached_tokens, output_tokens, joules, .. } = record.spent;
    let done = record.tasks.iter().filter(|task| task.state == TaskState::Done).count();
    let mut parts = vec![
        format!(
            "{done} of {} in {}",
            counted(record.tasks.len(), "task"),
            duration_text(record.spent.time())
        ),
        match record.state {
            RunState::Running => {
                format!("{} generated by calls that have ended", counted(output_tokens, "token"))
            }
            _ => format!("{} generated", counted(output_tokens, "token")),
        },
        format!("{prompt_tokens} read, {cached_tokens} of them from the cache"),
    ];
    if let Some(joules) = joules {
        parts.push(format!("{joules} beyond idle"));
    }
    // Not before the times of all calls are known.
    if record.state != RunState::Running
        && let Some(speed_up) = record.speed_up()
    {
        parts.push(format!("{speed_up:.2} tasks at a time on average"));
    }
    parts.join("; ")
}

/// The line below the lanes of a run.
pub fn footer(view: &RunView, hidden: usize, time: Duration) -> String {
    let spent = view.spent();
    let mut parts = vec![duration_text(time)];
    if spent.tokens() > 0 {
        let tokens = counted(spent.tokens(), "token");
        parts.push(format!("{tokens}, {} cached", spent.cached_tokens));
    }
    if hidden > 0 {
        parts.push(counted(hidden, "more task"));
    }
    if view.lost() > 0 {
        parts.push(format!("{} lost", counted(view.lost(), "event")));
    }
    if view.is_open() {
        parts.push("Ctrl-C stops it".to_owned());
    }
    parts.join(", ")
}

/// The state with its reason.
pub fn state(state: &RunState) -> String {
    match state {
        RunState::Partial { reason } | RunState::Failed { reason } => {
            format!("{}: {}", state.name(), one_line(reason))
        }
        state => state.name().to_owned(),
    }
}

/// A question to a person, in one line that begins with its number.
pub fn question(approval: &Approval) -> String {
    let number = approval.id.0;
    match &approval.subject {
        ApprovalSubject::Plan { graph } => {
            let titles = graph.tasks.iter().map(|task| one_line(&task.title));
            let titles = titles.collect::<Vec<_>>().join("; ");
            format!("{number}: do this plan of {}? {titles}", counted(graph.tasks.len(), "task"))
        }
        ApprovalSubject::Tool { tool, arguments, effects, .. } => {
            let arguments = shortened(&one_line(arguments), ARGUMENTS);
            format!("{number}: call {tool}, which {}? {arguments}", effect(*effects))
        }
        ApprovalSubject::Repeat { tool, arguments, effects, .. } => {
            let arguments = shortened(&one_line(arguments), ARGUMENTS);
            format!(
                "{number}: call {tool} again, which {}? It was called before the interruption, and \
                 whether it was done is unknown. {arguments}",
                effect(*effects)
            )
        }
        ApprovalSubject::Budget { bounds: old, spent, raised } => {
            let shown = |budget| bounds(budget).unwrap_or_else(|| "no bound".to_owned());
            format!(
                "{number}: raise the budget from {} to {}? {} and {} are spent",
                shown(old),
                shown(raised),
                counted(spent.tokens(), "token"),
                duration_text(spent.time())
            )
        }
    }
}

fn effect(effects: ToolEffects) -> &'static str {
    match effects {
        ToolEffects::ReadOnly => "changes nothing",
        ToolEffects::Idempotent | ToolEffects::Writing => "changes something",
        ToolEffects::Running => "runs a command",
    }
}

/// The bounds of a budget; `None` without any.
fn bounds(budget: &RunBudget) -> Option<String> {
    let RunBudget { tokens, time_ms, joules } = budget;
    let parts = [
        tokens.map(|tokens| counted(tokens, "token")),
        time_ms.map(|time| duration_text(Duration::from_millis(time))),
        joules.map(|joules| joules.to_string()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn age(ms: u64) -> String {
    match ms / 1000 {
        seconds @ 0..60 => format!("{seconds} s ago"),
        seconds @ 60..3600 => format!("{} min ago", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use harmonic_types::{RunId, SpanKind, TaskSpan};

    use super::*;

    fn task(title: &str, state: TaskState, output_tokens: u64, ms: u64) -> TaskRecord {
        let span = TaskSpan { kind: SpanKind::Decode, from_ms: 0, to_ms: ms, slot: Some(1) };
        TaskRecord {
            title: title.to_owned(),
            agent: Some("coder".into()),
            kind: "ask".to_owned(),
            state,
            spans: if ms > 0 { vec![span] } else { Vec::new() },
            text: None,
            spent: RunSpent { output_tokens, ..RunSpent::default() },
        }
    }

    fn running() -> RunRecord {
        RunRecord {
            schema: RunRecord::SCHEMA.to_owned(),
            id: RunId("run_01JABCDEFGHJKMNPQRSTVWXYZ0".to_owned()),
            goal: "write a poem".to_owned(),
            origin: "recipe:split".to_owned(),
            started_ms: 0,
            state: RunState::Running,
            graph: None,
            tasks: vec![
                task("Find rhymes", TaskState::Done, 1, 5_160),
                task("Write the poem", TaskState::Running, 0, 0),
                task("Read it again", TaskState::Blocked, 0, 0),
            ],
            answer: None,
            budget: RunBudget { tokens: Some(1), time_ms: Some(300_000), joules: None },
            spent: RunSpent { output_tokens: 1, time_ms: 521_400, ..RunSpent::default() },
            parent: None,
            children: Vec::new(),
        }
    }

    #[test]
    fn what_an_open_task_has_used_is_not_zero() {
        insta::assert_snapshot!(record(&running(), &[], Width::of_terminal(80)));
        let listed = [RunSummary::of(&running(), 0)];
        insta::assert_snapshot!("list", list(&listed, 600_000, Width::of_terminal(80)));
    }

    #[test]
    fn an_answer_is_wrapped_as_it_is_while_it_is_written() {
        let mut run = running();
        run.state = RunState::Done;
        let answer = format!("{}\n\n    let code = {};", "words ".repeat(20), "1 + ".repeat(20));
        run.answer = Some(answer.clone());
        let shown = record(&run, &[], Width::of_terminal(60));
        let mut flow = Flow::new(Width::of_terminal(60));
        let streamed = format!("{}{}", flow.push(&answer), flow.end());
        assert!(shown.ends_with(&streamed) && streamed.contains("\nwords"), "{shown}");
    }
}
