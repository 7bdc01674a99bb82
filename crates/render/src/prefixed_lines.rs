//! Answers as lines prefixed with the agent's name, for pipes and files.
//!
//! Invariants: a line is printed as soon as it is complete, so that parallel answers interleave;
//! every piece of text is in exactly one line; a pipe gets the answers' own lines.

use std::io;

use harmonic_app::fanout::{AgentAnswer, AnswerSink};
use harmonic_layout::{Width, columns, wrap};
use harmonic_types::AgentName;

use crate::printer::Printer;

const MARGIN: &str = "  ";

/// Between an agent and its text.
const RULE: &str = " │ ";

/// Marker before a question.
pub const QUESTION_MARKER: char = '▸';

/// Line printer on stdout.
#[derive(Debug)]
pub struct PrefixedLines<'a> {
    printer: &'a Printer,
    names: Vec<String>,
    buffered: Vec<String>,
    width: Width,
}

impl<'a> PrefixedLines<'a> {
    /// Printer for the agents `names`.
    pub fn new(printer: &'a Printer, names: impl Iterator<Item = String>) -> Self {
        let names: Vec<String> = names.collect();
        let buffered = vec![String::new(); names.len()];
        let names = padded(&names);
        let label = names.first().map_or(0, |name| columns(name)) + columns(MARGIN) + columns(RULE);
        Self { printer, names, buffered, width: printer.width().less(label) }
    }

    fn line(&self, index: usize, text: &str) -> io::Result<()> {
        self.printer.data(format!("{MARGIN}{}{RULE}{text}", self.names[index]).trim_end())
    }

    fn lines(&self, index: usize, text: &str) -> io::Result<()> {
        wrap(text, self.width).iter().try_for_each(|line| self.line(index, line))
    }
}

/// `names`, padded to equal width.
pub fn padded(names: &[String]) -> Vec<String> {
    let width = names.iter().map(String::len).max().unwrap_or(0);
    names.iter().map(|name| format!("{name:<width$}")).collect()
}

/// Removes a complete line of `width` from the front of `buffered`, if there is one.
fn take_line(buffered: &mut String, width: Width) -> Option<String> {
    if let Some(end) = buffered.find('\n') {
        let line = buffered[..end].to_owned();
        buffered.drain(..=end);
        return Some(line);
    }
    // So that the line is a beginning of the text.
    *buffered = buffered.replace('\u{a0}', " ");
    // The last line may go on.
    let mut lines = wrap(buffered, width).into_iter();
    let line = lines.next().filter(|_| lines.next().is_some())?;
    let rest = buffered[line.len()..].trim_start_matches(' ').to_owned();
    *buffered = rest;
    Some(line)
}

impl AnswerSink for PrefixedLines<'_> {
    fn begin(&mut self, questions: &[(AgentName, String)]) -> io::Result<()> {
        for (index, (_, question)) in questions.iter().enumerate() {
            self.lines(index, &format!("{QUESTION_MARKER} {question}"))?;
        }
        self.printer.data("")
    }

    fn text(&mut self, index: usize, chunk: &str) -> io::Result<()> {
        self.buffered[index].push_str(chunk);
        while let Some(line) = take_line(&mut self.buffered[index], self.width) {
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
                self.lines(index, &rest)?;
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
            while let Some(line) = take_line(&mut buffered, Width::of_line(56)) {
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
        assert_eq!(take_line(&mut buffered, Width::of_line(56)), None);
    }
}
