//! Reasoning that a model writes before its answer, kept apart from it.
//!
//! Owns: the texts that public models write around their reasoning. Which of them a model uses is
//! read from its template.

use super::stop::overlap;

/// How a model tells its reasoning from its answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReasoningStyle {
    /// What opens the reasoning.
    pub(super) open: &'static str,
    /// The first token of it, where it is none by itself.
    pub(super) opener: &'static str,
    /// What closes it.
    pub(super) close: &'static str,
    /// What stands before `close`, where the reasoning is a message of its own; then an answer
    /// without reasoning starts with `close` as well.
    separator: Option<&'static str>,
    /// What of these may be control tokens.
    pub(super) markers: &'static [&'static str],
}

/// A style with one marker at each end.
macro_rules! between {
    ($open:literal, $close:literal) => {
        ReasoningStyle {
            open: $open,
            opener: $open,
            close: $close,
            separator: None,
            markers: &[$open, $close],
        }
    };
}

/// The styles of public models.
const STYLES: [ReasoningStyle; 9] = [
    ReasoningStyle {
        open: "<|channel|>analysis<|message|>",
        opener: "<|channel|>",
        close: "<|channel|>final<|message|>",
        separator: Some("<|end|><|start|>assistant"),
        markers: &["<|channel|>", "<|message|>", "<|end|>", "<|start|>"],
    },
    ReasoningStyle {
        open: "<|channel>thought\n",
        opener: "<|channel>",
        close: "<channel|>",
        separator: None,
        markers: &["<|channel>", "<channel|>"],
    },
    between!("<|START_THINKING|>", "<|END_THINKING|>"),
    between!("[THINK]", "[/THINK]"),
    between!("<seed:think>", "</seed:think>"),
    between!("<mm:think>", "</mm:think>"),
    between!("<|inner_prefix|>", "<|inner_suffix|>"),
    between!("<think>", "</think>"),
    between!("<thinking>", "</thinking>"),
];

impl ReasoningStyle {
    /// The one whose opening `template` mentions.
    pub(super) fn of(template: &str) -> Option<&'static Self> {
        // As it stands in the source of a template.
        let mentions = |open: &str| template.contains(open.trim_end());
        STYLES.iter().find(|style| mentions(style.open))
    }

    /// Whether the model goes on inside its reasoning after `prompt`.
    pub(super) fn is_open_in(&self, prompt: &str) -> bool {
        prompt.trim_end().ends_with(self.open.trim_end())
    }

    /// `thoughts` without what stands between them and the answer.
    fn trimmed<'a>(&self, thoughts: &'a str) -> &'a str {
        let separator = self.separator.unwrap_or_default();
        thoughts.strip_suffix(separator).unwrap_or(thoughts)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    Start,
    Reasoning,
    /// After the reasoning, before the answer's first character.
    Between,
    Answer,
}

/// Splits text into reasoning and answer.
#[derive(Debug)]
pub(super) struct ReasoningSplitter {
    style: &'static ReasoningStyle,
    state: State,
    held: String,
}

/// Some text, split.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) reasoning: String,
    pub(super) answer: String,
}

impl ReasoningSplitter {
    /// `open`: the text starts inside the reasoning.
    pub(super) fn new(style: &'static ReasoningStyle, open: bool) -> Self {
        let state = if open { State::Reasoning } else { State::Start };
        Self { style, state, held: String::new() }
    }

    pub(super) fn push(&mut self, text: &str) -> Split {
        self.held.push_str(text);
        let mut split = Split::default();
        loop {
            match self.state {
                State::Start => {
                    let trimmed = self.held.trim_start();
                    let direct = self.style.separator.map(|_| self.style.close);
                    let may_become = |text: &str| text.starts_with(trimmed);
                    if let Some(rest) = trimmed.strip_prefix(self.style.open) {
                        self.held = rest.to_owned();
                        self.state = State::Reasoning;
                    } else if let Some(rest) = direct.and_then(|text| trimmed.strip_prefix(text)) {
                        self.held = rest.to_owned();
                        self.state = State::Between;
                    } else if may_become(self.style.open) || direct.is_some_and(may_become) {
                        return split;
                    } else {
                        self.state = State::Answer;
                    }
                }
                State::Reasoning => {
                    let close = self.style.close;
                    if let Some(at) = self.held.find(close) {
                        split.reasoning.push_str(self.style.trimmed(&self.held[..at]));
                        self.held.drain(..at + close.len());
                        self.state = State::Between;
                    } else {
                        let end = self.style.separator.unwrap_or_default().to_owned() + close;
                        let held = overlap(&self.held, &end).max(overlap(&self.held, close));
                        let keep = self.held.len() - held;
                        split.reasoning.extend(self.held.drain(..keep));
                        return split;
                    }
                }
                State::Between => {
                    self.held = self.held.trim_start().to_owned();
                    if self.held.is_empty() {
                        return split;
                    }
                    self.state = State::Answer;
                }
                State::Answer => {
                    split.answer.push_str(&std::mem::take(&mut self.held));
                    return split;
                }
            }
        }
    }

    /// What was held back, where it belongs.
    pub(super) fn finish(&mut self) -> Split {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Reasoning => {
                Split { reasoning: self.style.trimmed(&held).to_owned(), answer: String::new() }
            }
            _ => Split { reasoning: String::new(), answer: held },
        }
    }
}
