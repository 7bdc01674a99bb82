//! Answers as terminal panes, one per agent, updated in parallel.
//!
//! Invariants: the panes fit the terminal; when all answers are complete, the panes are removed and
//! the full text is printed.

use std::io;

use console::{measure_text_width, style};
use harmonic_app::fanout::{AgentAnswer, AnswerSink};
use harmonic_layout::{Width, shortened, wrap};
use harmonic_types::AgentName;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::prefixed_lines::{QUESTION_MARKER, padded};
use crate::printer::Printer;

/// Maximum lines per agent while it answers: the last ones of its text.
const MAX_PANE_LINES: usize = 3;

/// Fewest columns of an answer beside its agent's name.
const NARROWEST: usize = 16;

/// Panes on stderr's terminal; the full text goes to stdout.
#[derive(Debug)]
pub struct Panes<'a> {
    printer: &'a Printer,
    names: Vec<String>,
    texts: Vec<String>,
    bars: Vec<ProgressBar>,
    height: usize,
    width: Width,
    all: MultiProgress,
}

impl<'a> Panes<'a> {
    /// Panes for the agents `names`.
    pub fn new(printer: &'a Printer, names: impl Iterator<Item = String>) -> Self {
        let names: Vec<String> = names.collect();
        let count = names.len().max(1);
        let height = (printer.height().saturating_sub(2) / count).clamp(1, MAX_PANE_LINES);
        let names = padded(&names);
        let label = names.first().map_or(0, String::len) + "   │ ".chars().count();
        let width = Width::of_line(printer.line_columns().saturating_sub(label + 1).max(NARROWEST));
        let all = MultiProgress::new();
        let line = ProgressStyle::with_template("{msg}").expect("a template of one key parses");
        let bars =
            names.iter().map(|_| all.add(ProgressBar::new_spinner()).with_style(line.clone()));
        let bars = bars.collect();
        let texts = vec![String::new(); names.len()];
        Self { printer, names, texts, bars, height, width, all }
    }

    fn draw(&mut self, index: usize) {
        let lines = wrapped(&self.texts[index], self.width);
        let first = lines.len().saturating_sub(self.height);
        let columns = self.width.columns().unwrap_or(usize::MAX);
        let shown: Vec<String> =
            lines[first..].iter().map(|line| shortened(line, columns)).collect();
        let pane = framed(&self.names[index], &shown, self.height);
        self.bars[index].set_message(pane);
    }
}

/// `text` wrapped to `width`, without blank lines.
fn wrapped(text: &str, width: Width) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.flat_map(|line| wrap(line, width)).collect()
}

/// The name beside the first of at least `height` lines.
fn framed(name: &str, lines: &[String], height: usize) -> String {
    let blank = " ".repeat(measure_text_width(name));
    let rows = (0..lines.len().max(height)).map(|row| {
        let text = lines.get(row).map_or("", String::as_str);
        let label = if row == 0 { style(name).cyan().bold().to_string() } else { blank.clone() };
        format!("  {label} │ {text}").trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

impl AnswerSink for Panes<'_> {
    fn begin(&mut self, _questions: &[(AgentName, String)]) -> io::Result<()> {
        // The panes show answers only; questions are printed with the full text.
        (0..self.names.len()).for_each(|index| self.draw(index));
        Ok(())
    }

    fn text(&mut self, index: usize, chunk: &str) -> io::Result<()> {
        self.texts[index].push_str(chunk);
        self.draw(index);
        Ok(())
    }

    fn end(&mut self, answers: &[AgentAnswer]) -> io::Result<()> {
        self.all.clear()?;
        for (name, answer) in self.names.iter().zip(answers) {
            let rest = if answer.complete { "" } else { "…" };
            let question = wrapped(&format!("{QUESTION_MARKER} {}", answer.question), self.width);
            let answered = wrapped(&format!("{}{rest}", answer.text.trim_end()), self.width);
            let dimmed = question.iter().map(|line| style(line).dim().to_string());
            let lines: Vec<String> = dimmed.chain(answered).collect();
            self.printer.data(&framed(name, &lines, 1))?;
        }
        Ok(())
    }
}

impl Drop for Panes<'_> {
    /// Also runs after an error or Ctrl-C.
    fn drop(&mut self) {
        // Fails only if the terminal is gone.
        let _ = self.all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pane_shows_the_name_once() {
        console::set_colors_enabled(false);
        let width = Width::of_line(24);
        let lines = wrapped("Buy milk.\n\nCall the bank on Monday, then water the plants.", width);
        assert_eq!(
            framed("operator", &lines, 2),
            "  operator │ Buy milk.\n           │ Call the bank on Monday,\n           │ then water the \
             plants."
        );
        assert_eq!(framed("coder", &[], 2), "  coder │\n        │");
    }
}
