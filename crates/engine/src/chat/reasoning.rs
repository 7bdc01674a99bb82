//! Separation of a model's reasoning from its answer.
//!
//! Owns: the delimiters that public models write around their reasoning. The template shows which
//! of them a model uses.

use super::stop::overlap;

/// Delimiters of a model's reasoning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReasoningStyle {
    /// Opening delimiter.
    pub(super) open: &'static str,
    /// Text of its first token.
    pub(super) opener: &'static str,
    /// Closing delimiter.
    pub(super) close: &'static str,
    /// Text before `close` if the reasoning is a separate message; an answer without reasoning then
    /// starts with `close`, too.
    separator: Option<&'static str>,
    /// Parts of the delimiters that may be control tokens.
    pub(super) markers: &'static [&'static str],
}

/// A style with one marker at each end of the reasoning.
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

/// Styles of public models.
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
    /// Style whose opening delimiter occurs in `template`.
    pub(super) fn of(template: &str) -> Option<&'static Self> {
        // Trailing white space may be written as an escape in the source.
        let mentions = |open: &str| template.contains(open.trim_end());
        STYLES.iter().find(|style| mentions(style.open))
    }

    /// Whether `prompt` ends inside the reasoning.
    pub(super) fn is_open_in(&self, prompt: &str) -> bool {
        prompt.trim_end().ends_with(self.open.trim_end())
    }

    /// `thoughts` without the separator at their end.
    fn trimmed<'a>(&self, thoughts: &'a str) -> &'a str {
        let separator = self.separator.unwrap_or_default();
        thoughts.strip_suffix(separator).unwrap_or(thoughts)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Only white space so far.
    Start,
    Reasoning,
    /// After the reasoning, before the first character of the answer.
    Between,
    Answer,
}

/// Streaming splitter of reasoning and answer.
#[derive(Debug)]
pub(super) struct ReasoningSplitter {
    style: &'static ReasoningStyle,
    state: State,
    held: String,
}

/// Split text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) reasoning: String,
    pub(super) answer: String,
}

impl ReasoningSplitter {
    /// A splitter; `open`: whether the text starts inside the reasoning.
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

    /// Flushes held-back text.
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
