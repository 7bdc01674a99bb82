//! Where an answer opens a call by itself, told token by token: what calls are held to begins there.

use std::sync::Arc;

use harmonic_batching::Token;

use super::calls::Syntax;
use super::markers::Markers;
use super::reasoning::ReasoningStyle;
use super::vocabulary::Vocabulary;

/// Follows the tokens of one answer up to its first call.
#[derive(Clone)]
pub struct CallTracker {
    vocabulary: Arc<dyn Vocabulary>,
    markers: Markers,
    syntax: Syntax,
    /// How reasoning is told from the answer; `None` where the model does not reason.
    style: Option<&'static ReasoningStyle>,
    state: State,
    /// The end of what was written, in which what comes next may begin.
    tail: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first character, where reasoning may begin.
    Start,
    Reasoning,
    Answer,
}

/// What a token does.
#[derive(Debug)]
pub(crate) enum CallStep {
    /// Nothing is opened; the tracker goes on from there.
    Continue(CallTracker),
    /// It opens a call, and ends with the opener.
    Opened,
    /// It would open a call and begin it, or open one in a way that is not held to anything.
    Straddles,
}

impl std::fmt::Debug for CallTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallTracker").field("state", &self.state).finish_non_exhaustive()
    }
}

impl CallTracker {
    /// Of an answer with calls in `syntax`; `reasoning_open`: it begins inside its reasoning.
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

    /// What `token` does, which comes next.
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

/// The last `most` bytes.
fn end(written: &[u8], most: usize) -> Vec<u8> {
    written[written.len().saturating_sub(most)..].to_vec()
}
