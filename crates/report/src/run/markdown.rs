//! A run as Markdown.
//!
//! Invariants: GitHub's Markdown; texts of several lines stand in fences that are longer than any
//! in them, all others are escaped, so nothing of a record becomes markup.

use harmonic_types::RunRecord;
use maud::Escaper;

use super::page::{facts, origin, started, title};
use super::task::{TaskView, glyph, reason, views};
use super::{costs, text};
use crate::markdown::text::{cell, plain};
use crate::number_format::or_absent;

/// Content of the file.
pub fn render(record: &RunRecord) -> String {
    let title = title(record);
    let mut out = vec![format!("# {}", plain(&title)), String::new()];
    let about: Vec<String> =
        [Some(text::line(&record.id.0)), Some(origin(record)), started(record)]
            .into_iter()
            .flatten()
            .collect();
    out.extend([plain(&about.join(" · ")), String::new()]);
    if text::block(&record.goal).trim() != title {
        out.extend(fence(&record.goal));
    }
    out.extend(head(record));
    out.extend(["## Answer".to_owned(), String::new()]);
    out.extend(record.answer.as_ref().map_or_else(|| block("There is none."), |text| fence(text)));
    let views = views(record);
    out.extend(["## Tasks".to_owned(), String::new()]);
    let rows = views.iter().map(task_row);
    out.extend(table(&["#", "Task", "Work", "Reads", "State"], 0, rows));
    out.extend(["## Costs".to_owned(), String::new()]);
    out.extend(costs_of(record, &views));
    out.extend(["## Texts".to_owned(), String::new()]);
    out.extend(views.iter().flat_map(text_of));
    out.join("\n")
}

fn head(record: &RunRecord) -> Vec<String> {
    let state = record.state.name();
    let state = match reason(&record.state) {
        Some(reason) => format!("- {state}: {}", cell(&reason)),
        None => format!("- {state}"),
    };
    let fact = |(name, figure, about): (&str, String, String)| {
        let about = if about.is_empty() { about } else { format!(" ({about})") };
        format!("- {name}: {figure}{about}")
    };
    let facts = facts(record).into_iter().map(fact);
    std::iter::once(state).chain(facts).chain([String::new()]).collect()
}

fn task_row(view: &TaskView<'_>) -> Vec<String> {
    let state = format!("{} {}", glyph(view.record.state), view.record.state.name());
    vec![cell(&view.label), cell(&view.title), cell(&view.work()), or_absent(view.inputs()), state]
}

fn costs_of(record: &RunRecord, views: &[TaskView<'_>]) -> Vec<String> {
    let header: Vec<String> =
        costs::COLUMNS.iter().map(|(name, unit)| format!("{name}, {unit}")).collect();
    let header: Vec<&str> = std::iter::once("#").chain(header.iter().map(String::as_str)).collect();
    let row = |label: String, cells: [String; 6]| std::iter::once(label).chain(cells).collect();
    let tasks = views.iter().map(|view| row(cell(&view.label), costs::of_task(view)));
    let all = std::iter::once(row("all".to_owned(), costs::of_run(record)));
    table(&header, 1, tasks.chain(all))
}

/// Title, instruction and text of a task, folded.
fn text_of(view: &TaskView<'_>) -> Vec<String> {
    let mut summary = String::new();
    let words = format!("{} ({})", view.name(), view.work());
    let _ = std::fmt::Write::write_str(&mut Escaper::new(&mut summary), &words);
    let mut lines = vec![format!("<details><summary>{summary}</summary>"), String::new()];
    if let Some(instruction) = view.instruction() {
        lines.extend(fence(instruction));
    }
    match &view.record.text {
        Some(text) => lines.extend(fence(text)),
        None => lines.extend(block(&format!("No text: {}.", view.record.state.name()))),
    }
    lines.extend(["</details>".to_owned(), String::new()]);
    lines
}

fn block(line: &str) -> Vec<String> {
    vec![line.to_owned(), String::new()]
}

/// Text in a fence with more backticks than any run of them in it.
fn fence(text: &str) -> Vec<String> {
    let text = text::block(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let mark = "`".repeat(longest.max(2) + 1);
    vec![format!("{mark}text"), text, mark, String::new()]
}

/// Table of which columns from `figures` on are aligned to the right; zero for none.
fn table(
    header: &[&str],
    figures: usize,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Vec<String> {
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let is_figure = |column: usize| figures > 0 && column >= figures;
    let rule: Vec<&str> =
        (0..header.len()).map(|column| if is_figure(column) { "--:" } else { ":--" }).collect();
    let head = [
        line(header.iter().map(|name| (*name).to_owned()).collect()),
        format!("|{}|", rule.join("|")),
    ];
    head.into_iter().chain(rows.into_iter().map(line)).chain([String::new()]).collect()
}
