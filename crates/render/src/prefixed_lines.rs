//! Answers as lines prefixed with the agent's name, for pipes and files.
//!
//! Invariants: a line is printed as soon as it is complete, so that parallel answers interleave;
//! every piece of text is in exactly one line.

use std::io;

use harmonic_app::fanout::{AgentAnswer, AnswerSink};
use harmonic_types::AgentName;

use crate::printer::Printer;

/// Maximum columns of a line; longer text is broken at the last space before.
const LINE_COLUMNS: usize = 56;

/// Marker before a question.
pub const QUESTION_MARKER: char = '▸';

/// Line printer on stdout.
#[derive(Debug)]
pub struct PrefixedLines<'a> {
    printer: &'a Printer,
    names: Vec<String>,
    buffered: Vec<String>,
}

impl<'a> PrefixedLines<'a> {
    /// Printer for the agents `names`.
    pub fn new(printer: &'a Printer, names: impl Iterator<Item = String>) -> Self {
        let names: Vec<String> = names.collect();
        let buffered = vec![String::new(); names.len()];
        Self { printer, names: padded(&names), buffered }
    }

    fn line(&self, index: usize, text: &str) -> io::Result<()> {
        self.printer.data(format!("  {} │ {text}", self.names[index]).trim_end())
    }
}

/// `names`, padded to equal width.
pub fn padded(names: &[String]) -> Vec<String> {
    let width = names.iter().map(String::len).max().unwrap_or(0);
    names.iter().map(|name| format!("{name:<width$}")).collect()
}

/// Removes a complete line from the front of `buffered`, if there is one.
fn take_line(buffered: &mut String) -> Option<String> {
    if let Some(end) = buffered.find('\n') {
        let line = buffered[..end].to_owned();
        buffered.drain(..=end);
        return Some(line);
    }
    let (limit, _) = buffered.char_indices().nth(LINE_COLUMNS)?;
    // A word longer than a line is not broken.
    let end = buffered[..limit].rfind(' ').or_else(|| buffered.find(' '))?;
    let line = buffered[..end].to_owned();
    buffered.drain(..=end);
    Some(line)
}

impl AnswerSink for PrefixedLines<'_> {
    fn begin(&mut self, questions: &[(AgentName, String)]) -> io::Result<()> {
        for (index, (_, question)) in questions.iter().enumerate() {
            self.line(index, &format!("{QUESTION_MARKER} {question}"))?;
        }
        self.printer.data("")
    }

    fn text(&mut self, index: usize, chunk: &str) -> io::Result<()> {
        self.buffered[index].push_str(chunk);
        while let Some(line) = take_line(&mut self.buffered[index]) {
            // Blank lines are dropped, because lines of several agents interleave.
            if !line.trim().is_empty() {
                self.line(index, &line)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, answers: &[AgentAnswer]) -> io::Result<()> {
        for (index, answer) in answers.iter().enumerate() {
            let mut rest = std::mem::take(&mut self.buffered[index]);
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
        let (mut buffered, mut lines) = (String::new(), Vec::new());
        for chunk in text.split_inclusive(' ') {
            buffered.push_str(chunk);
            while let Some(line) = take_line(&mut buffered) {
                lines.push(line);
            }
        }
        lines.push(buffered);
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
    fn a_long_word_is_not_broken() {
        let mut buffered = "x".repeat(200);
        assert_eq!(take_line(&mut buffered), None);
    }
}
