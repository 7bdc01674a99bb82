//! Where the reasoning of an answer ends, told token by token: what the answer is held to begins
//! there.

use std::sync::Arc;

use harmonic_batching::Token;

use super::markers::Markers;
use super::reasoning::ReasoningStyle;
use super::vocabulary::Vocabulary;

/// Follows the tokens of one answer through its reasoning.
#[derive(Clone)]
pub struct ReasoningTracker {
    vocabulary: Arc<dyn Vocabulary>,
    markers: Markers,
    style: &'static ReasoningStyle,
    /// The token that opens the reasoning, while it may still be opened.
    opener: Option<Token>,
    /// The end of what was written, in which the end of the reasoning may begin.
    tail: Vec<u8>,
}

/// What a token does to the reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReasoningStep {
    /// It goes on.
    Continue,
    /// It ends with the token.
    Ends,
    /// It would end in the middle of the token, whose rest would belong to the answer.
    Straddles,
}

impl std::fmt::Debug for ReasoningTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReasoningTracker").field("opener", &self.opener).finish_non_exhaustive()
    }
}

impl ReasoningTracker {
    /// Of an answer that begins inside its reasoning.
    pub(super) fn inside(
        vocabulary: Arc<dyn Vocabulary>,
        markers: Markers,
        style: &'static ReasoningStyle,
    ) -> Self {
        Self { vocabulary, markers, style, opener: None, tail: Vec::new() }
    }

    /// Of an answer that may begin with reasoning; `None` where no single token opens it.
    pub(super) fn before(
        vocabulary: Arc<dyn Vocabulary>,
        markers: Markers,
        style: &'static ReasoningStyle,
    ) -> Option<Self> {
        let text = style.opener;
        let special = vocabulary.specials().into_iter().find(|special| special.text == text);
        let opener = match special {
            Some(special) => special.token,
            None => match vocabulary.tokenize(text).as_slice() {
                [only] => *only,
                _ => return None,
            },
        };
        Some(Self { vocabulary, markers, style, opener: Some(opener), tail: Vec::new() })
    }

    /// The token that opens the reasoning, while it may still be opened.
    pub(crate) fn opener(&self) -> Option<Token> {
        self.opener
    }

    /// Tokens that end the turn, which nothing inside the reasoning does.
    pub(crate) fn turn_ends(&self) -> Vec<Token> {
        self.vocabulary.turn_ends()
    }

    /// What `token` does, which comes next.
    pub(crate) fn step(&self, token: Token) -> ReasoningStep {
        let written = self.with(token);
        let close = self.style.close.as_bytes();
        match written.windows(close.len()).position(|window| window == close) {
            None => ReasoningStep::Continue,
            Some(at) if written[at + close.len()..].trim_ascii().is_empty() => ReasoningStep::Ends,
            Some(_) => ReasoningStep::Straddles,
        }
    }

    /// Goes on with `token`.
    pub(crate) fn advance(&mut self, token: Token) {
        self.opener = None;
        // What opens a channel may be the start of what closes the reasoning.
        let written = self.with(token);
        let keep = written.len().min(self.style.close.len() - 1);
        self.tail = written[written.len() - keep..].to_vec();
    }

    fn with(&self, token: Token) -> Vec<u8> {
        let mut written = self.tail.clone();
        match self.markers.text(token) {
            Some(marker) => written.extend(marker.as_bytes()),
            None => self.vocabulary.append_bytes(token, &mut written),
        }
        written
    }
}
