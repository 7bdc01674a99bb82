//! Detection of the start of an unforced call, token by token, where its constraint starts.

use std::sync::Arc;

use harmonic_batching::Token;

use super::calls::Syntax;
use super::markers::Markers;
use super::reasoning::ReasoningStyle;
use super::vocabulary::Vocabulary;

/// Tracker of one answer's tokens up to its first call.
#[derive(Clone)]
pub struct CallTracker {
    vocabulary: Arc<dyn Vocabulary>,
    markers: Markers,
    syntax: Syntax,
    /// Reasoning syntax; `None` if the model does not reason.
    style: Option<&'static ReasoningStyle>,
    state: State,
    /// End of the text so far, which may be the start of a delimiter.
    tail: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first character, where reasoning may start.
    Start,
    Reasoning,
    Answer,
}

/// Effect of a token.
#[derive(Debug)]
pub(crate) enum CallStep {
    /// No call is opened; the tracker after the token.
    Continue(CallTracker),
    /// The token ends with the opener of a call.
    Opened,
    /// The token contains an opener and more text, or an opener that cannot be constrained.
    Straddles,
}

impl std::fmt::Debug for CallTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallTracker").field("state", &self.state).finish_non_exhaustive()
    }
}

impl CallTracker {
    /// A tracker for calls in `syntax`; `reasoning_open`: whether the answer starts inside its
    /// reasoning.
    pub(super) fn new(
        vocabulary: Arc<dyn Vocabulary>,
        markers: Markers,
        syntax: Syntax,
        style: Option<&'static ReasoningStyle>,
        reasoning_open: bool,
    ) -> Self {
        let state = if reasoning_open { State::Reasoning } else { State::Start };
        Self { vocabulary, markers, syntax, style, state, tail: Vec::new() }
    }

    /// Effect of the next token.
    pub(crate) fn step(&self, token: Token) -> CallStep {
        let mut written = self.tail.clone();
        match self.markers.text(token) {
            Some(marker) => written.extend(marker.as_bytes()),
            None => self.vocabulary.append_bytes(token, &mut written),
        }
        let mut next = self.clone();
        let mut rest = written.as_slice();
        let Some(style) = self.style else { return next.in_answer(rest) };
        loop {
            match next.state {
                State::Start => {
                    let begun = rest.trim_ascii_start();
                    if let Some(after) = begun.strip_prefix(style.open.as_bytes()) {
                        (next.state, rest) = (State::Reasoning, after);
                    } else if style.open.as_bytes().starts_with(begun) {
                        next.tail = begun.to_vec();
                        return CallStep::Continue(next);
                    } else {
                        next.state = State::Answer;
                    }
                }
                State::Reasoning => {
                    let Some(at) = find(rest, style.close) else {
                        next.tail = end(rest, style.close.len() - 1);
                        return CallStep::Continue(next);
                    };
                    (next.state, rest) = (State::Answer, &rest[at + style.close.len()..]);
                }
                State::Answer => return next.in_answer(rest),
            }
        }
    }

    fn in_answer(mut self, written: &[u8]) -> CallStep {
        let openers = self.syntax.openers();
        let found =
            openers.iter().copied().filter_map(|opener| Some((find(written, opener)?, opener)));
        if let Some((at, opener)) = found.min() {
            let ends = at + opener.len() == written.len();
            let held = self.syntax.opener() == Some(opener);
            return if ends && held { CallStep::Opened } else { CallStep::Straddles };
        }
        let longest = openers.iter().map(|opener| opener.len()).max().unwrap_or(1);
        self.tail = end(written, longest - 1);
        CallStep::Continue(self)
    }
}

fn find(written: &[u8], text: &str) -> Option<usize> {
    written.windows(text.len()).position(|window| window == text.as_bytes())
}

/// Last `most` bytes of `written`.
fn end(written: &[u8], most: usize) -> Vec<u8> {
    written[written.len().saturating_sub(most)..].to_vec()
}
