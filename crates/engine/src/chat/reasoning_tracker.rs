//! Detection of the end of an answer's reasoning, token by token, where its constraint starts.

use std::sync::Arc;

use harmonic_batching::Token;

use super::markers::Markers;
use super::reasoning::ReasoningStyle;
use super::vocabulary::Vocabulary;

/// Tracker of one answer's tokens through its reasoning.
#[derive(Clone)]
pub struct ReasoningTracker {
    vocabulary: Arc<dyn Vocabulary>,
    markers: Markers,
    style: &'static ReasoningStyle,
    /// Token that opens the reasoning, while that is still possible.
    opener: Option<Token>,
    /// End of the text so far, which may be the start of the closing delimiter.
    tail: Vec<u8>,
}

/// Effect of a token on the reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReasoningStep {
    /// The reasoning continues.
    Continue,
    /// The reasoning ends with the token.
    Ends,
    /// The reasoning would end within the token, with the rest in the answer.
    Straddles,
}

impl std::fmt::Debug for ReasoningTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReasoningTracker").field("opener", &self.opener).finish_non_exhaustive()
    }
}

impl ReasoningTracker {
    /// Tracker of an answer that starts inside its reasoning.
    pub(super) fn inside(
        vocabulary: Arc<dyn Vocabulary>,
        markers: Markers,
        style: &'static ReasoningStyle,
    ) -> Self {
        Self { vocabulary, markers, style, opener: None, tail: Vec::new() }
    }

    /// Tracker of an answer that may start with reasoning; `None` if no single token opens it.
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

    /// Token that opens the reasoning, while that is still possible.
    pub(crate) fn opener(&self) -> Option<Token> {
        self.opener
    }

    /// Tokens that end the turn, which are excluded inside the reasoning.
    pub(crate) fn turn_ends(&self) -> Vec<Token> {
        self.vocabulary.turn_ends()
    }

    /// Effect of the next token, without advancing.
    pub(crate) fn step(&self, token: Token) -> ReasoningStep {
        let written = self.with(token);
        let close = self.style.close.as_bytes();
        match written.windows(close.len()).position(|window| window == close) {
            None => ReasoningStep::Continue,
            Some(at) if written[at + close.len()..].trim_ascii().is_empty() => ReasoningStep::Ends,
            Some(_) => ReasoningStep::Straddles,
        }
    }

    /// Advances by `token`.
    pub(crate) fn advance(&mut self, token: Token) {
        self.opener = None;
        // The opener of a channel may be the start of the closing delimiter.
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
