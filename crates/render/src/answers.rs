//! Figures of a team's answers.

use std::time::Duration;

use harmonic_app::fanout::AgentAnswer;
use harmonic_layout::{Column, Table, Width};
use harmonic_types::{counted, duration_text};

/// Table with a row per agent and a total.
pub fn text(answers: &[AgentAnswer], width: Width) -> String {
    let row = |answer: &AgentAnswer| {
        [
            answer.agent.to_string(),
            answer.tokens.to_string(),
            answer.tok_s().map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}")),
            answer.first.map_or_else(|| "–".to_owned(), duration_text),
            duration_text(answer.took),
        ]
    };
    let mut rows: Vec<[String; 5]> = answers.iter().map(row).collect();
    let (tokens, took) = totals(answers);
    let first = answers.iter().filter_map(|answer| answer.first).min();
    rows.push([
        "together".to_owned(),
        tokens.to_string(),
        rate(tokens, took),
        first.map_or_else(|| "–".to_owned(), duration_text),
        duration_text(took),
    ]);
    let figures = ["tokens", "tok/s", "first token", "done"].map(Column::figure);
    Table::new([Column::text("agent")].into_iter().chain(figures), rows).text(width)
}

/// One line with the totals.
pub fn summary(answers: &[AgentAnswer]) -> String {
    let (tokens, took) = totals(answers);
    format!(
        "{} answered together: {} in {}, {} tok/s including prefill",
        counted(answers.len(), "agent"),
        counted(tokens, "token"),
        duration_text(took),
        rate(tokens, took)
    )
}

fn totals(answers: &[AgentAnswer]) -> (u32, Duration) {
    let tokens = answers.iter().map(|answer| answer.tokens).sum();
    (tokens, answers.iter().map(|answer| answer.took).max().unwrap_or_default())
}

fn rate(tokens: u32, took: Duration) -> String {
    if took.is_zero() {
        return "–".to_owned();
    }
    format!("{:.1}", f64::from(tokens) / took.as_secs_f64())
}
