//! Answers as lines that name their agent: for a pipe or a file, where nothing can be drawn over.
//!
//! Invariant: a line goes out as soon as an agent has one, so that it shows who speaks at the same
//! time; every piece of text is in exactly one line.

use std::io;

use harmonic_app::fanout::{AgentAnswer, AnswerSink};
use harmonic_types::AgentName;

use crate::printer::Printer;

/// A line goes out when it is longer than this, up to the last word that ends within.
const LINE: usize = 56;

/// Marks what was asked.
pub const ASKED: char = '▸';

/// Prints to stdout.
#[derive(Debug)]
pub struct Prefixed<'a> {
    printer: &'a Printer,
    names: Vec<String>,
    waiting: Vec<String>,
}

impl<'a> Prefixed<'a> {
    /// Lines of the agents `names`.
    pub fn new(printer: &'a Printer, names: impl Iterator<Item = String>) -> Self {
        let names: Vec<String> = names.collect();
        let waiting = vec![String::new(); names.len()];
        Self { printer, names: padded(&names), waiting }
    }

    fn line(&self, index: usize, text: &str) -> io::Result<()> {
        self.printer.data(format!("  {} │ {text}", self.names[index]).trim_end())
    }
}

/// All as wide as the widest.
pub fn padded(names: &[String]) -> Vec<String> {
    let width = names.iter().map(String::len).max().unwrap_or(0);
    names.iter().map(|name| format!("{name:<width$}")).collect()
}

/// Takes a whole line off the front of `waiting`, where there is one.
fn take_line(waiting: &mut String) -> Option<String> {
    if let Some(end) = waiting.find('\n') {
        let line = waiting[..end].to_owned();
        waiting.drain(..=end);
        return Some(line);
    }
    let (limit, _) = waiting.char_indices().nth(LINE)?;
    // A word that is longer than a line stays whole.
    let end = waiting[..limit].rfind(' ').or_else(|| waiting.find(' '))?;
    let line = waiting[..end].to_owned();
    waiting.drain(..=end);
    Some(line)
}

impl AnswerSink for Prefixed<'_> {
    fn begin(&mut self, questions: &[(AgentName, String)]) -> io::Result<()> {
        for (index, (_, question)) in questions.iter().enumerate() {
            self.line(index, &format!("{ASKED} {question}"))?;
        }
        self.printer.data("")
    }

    fn text(&mut self, index: usize, piece: &str) -> io::Result<()> {
        self.waiting[index].push_str(piece);
        while let Some(line) = take_line(&mut self.waiting[index]) {
            // Blank lines separate paragraphs of one speaker; here seven speak.
            if !line.trim().is_empty() {
                self.line(index, &line)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, answers: &[AgentAnswer]) -> io::Result<()> {
        for (index, answer) in answers.iter().enumerate() {
            let mut rest = std::mem::take(&mut self.waiting[index]);
            if !answer.complete {
                rest.push('…');
            }
            if !rest.trim().is_empty() {
                self.line(index, &rest)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_words_and_newlines_and_lose_nothing() {
        let text =
            "One two three four five six seven eight nine ten eleven twelve thirteen.\n\nEnd";
        let (mut waiting, mut lines) = (String::new(), Vec::new());
        for piece in text.split_inclusive(' ') {
            waiting.push_str(piece);
            while let Some(line) = take_line(&mut waiting) {
                lines.push(line);
            }
        }
        lines.push(waiting);
        assert_eq!(
            lines,
            [
                "One two three four five six seven eight nine ten eleven",
                "twelve thirteen.",
                "",
                "End"
            ]
        );
    }

    #[test]
    fn a_word_without_end_stays_whole() {
        let mut waiting = "x".repeat(200);
        assert_eq!(take_line(&mut waiting), None);
    }
}
