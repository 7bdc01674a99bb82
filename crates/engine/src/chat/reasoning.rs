//! Reasoning that a model writes between `<think>` and `</think>`, kept apart from the answer.

use super::stop::overlap;

/// Opens the reasoning.
pub(super) const OPEN: &str = "<think>";
/// Closes it.
pub(super) const CLOSE: &str = "</think>";
/// Both.
pub(super) const MARKERS: [&str; 2] = [OPEN, CLOSE];

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Nothing but white space so far.
    Start,
    Reasoning,
    /// After the reasoning, before the answer's first character.
    Between,
    Answer,
}

/// Splits text into reasoning and answer.
#[derive(Debug)]
pub(super) struct Splitter {
    place: Place,
    held: String,
}

/// Some text, split.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) reasoning: String,
    pub(super) answer: String,
}

impl Splitter {
    /// `open`: the text starts inside the reasoning.
    pub(super) fn new(open: bool) -> Self {
        let place = if open { Place::Reasoning } else { Place::Start };
        Self { place, held: String::new() }
    }

    pub(super) fn push(&mut self, text: &str) -> Split {
        self.held.push_str(text);
        let mut split = Split::default();
        loop {
            match self.place {
                Place::Start => {
                    let trimmed = self.held.trim_start();
                    if let Some(rest) = trimmed.strip_prefix(OPEN) {
                        self.held = rest.to_owned();
                        self.place = Place::Reasoning;
                    } else if OPEN.starts_with(trimmed) {
                        return split;
                    } else {
                        self.place = Place::Answer;
                    }
                }
                Place::Reasoning => {
                    if let Some(at) = self.held.find(CLOSE) {
                        split.reasoning.push_str(&self.held[..at]);
                        self.held.drain(..at + CLOSE.len());
                        self.place = Place::Between;
                    } else {
                        let keep = self.held.len() - overlap(&self.held, CLOSE);
                        split.reasoning.extend(self.held.drain(..keep));
                        return split;
                    }
                }
                Place::Between => {
                    self.held = self.held.trim_start().to_owned();
                    if self.held.is_empty() {
                        return split;
                    }
                    self.place = Place::Answer;
                }
                Place::Answer => {
                    split.answer.push_str(&std::mem::take(&mut self.held));
                    return split;
                }
            }
        }
    }

    /// What was held back, where it belongs.
    pub(super) fn finish(&mut self) -> Split {
        let held = std::mem::take(&mut self.held);
        match self.place {
            Place::Reasoning => Split { reasoning: held, answer: String::new() },
            _ => Split { reasoning: String::new(), answer: held },
        }
    }
}
