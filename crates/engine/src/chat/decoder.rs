//! From tokens to the text of one answer.

use std::sync::Arc;

use harmonic_batching::Token;

use super::calls::{AnswerDelta, CallParser};
use super::markers::Markers;
use super::reasoning::{ReasoningSplitter, Split};
use super::stop::StopStrings;
use super::vocabulary::Vocabulary;

/// Decodes one answer. Bytes become characters, then stop strings are looked for, then reasoning is
/// split off, then the calls of tools.
pub struct Decoder {
    vocabulary: Arc<dyn Vocabulary>,
    /// Control tokens that are to be read.
    markers: Markers,
    /// Bytes that are not yet a whole character.
    bytes: Vec<u8>,
    stops: StopStrings,
    /// The place of the stop string that was met.
    met: Option<usize>,
    reasoning: Option<ReasoningSplitter>,
    calls: Option<CallParser>,
}

/// What a token adds to the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Reasoning.
    pub reasoning: String,
    /// Answer: text, and calls where there are tools.
    pub answer: Vec<AnswerDelta>,
    /// The answer ends here: end of turn, or a stop string.
    pub stop: bool,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("stops", &self.stops).finish_non_exhaustive()
    }
}

impl Decoder {
    pub(super) fn new(
        vocabulary: Arc<dyn Vocabulary>,
        markers: Markers,
        stop: Vec<String>,
        reasoning: Option<ReasoningSplitter>,
        calls: Option<CallParser>,
    ) -> Self {
        let (bytes, stops) = (Vec::new(), StopStrings::new(stop));
        Self { vocabulary, markers, bytes, stops, met: None, reasoning, calls }
    }

    /// The same decoder, for an answer that ends with its first call.
    #[must_use]
    pub fn ending_with_first_call(mut self) -> Self {
        if let Some(calls) = &mut self.calls {
            calls.end_with_first();
        }
        self
    }

    /// The same decoder, for an answer that is held to a call. Nothing of it is text that a stop
    /// string could end: the call would be cut off, or be none.
    #[must_use]
    pub fn of_forced_call(mut self) -> Self {
        self.stops = StopStrings::new(Vec::new());
        if let Some(calls) = &mut self.calls {
            calls.force();
        }
        self
    }

    /// Takes the next token.
    pub fn push(&mut self, token: Token) -> Decoded {
        if self.vocabulary.ends_turn(token) {
            return Decoded { stop: true, ..Decoded::default() };
        }
        match self.markers.text(token) {
            Some(marker) => self.bytes.extend(marker.as_bytes()),
            None => self.vocabulary.append_bytes(token, &mut self.bytes),
        }
        let text = take_characters(&mut self.bytes);
        let released = self.stops.push(&text);
        self.met = self.met.or(released.met);
        let decoded = self.split(&released.text);
        let complete = self.calls.as_ref().is_some_and(CallParser::complete);
        Decoded { stop: complete || released.met.is_some(), ..decoded }
    }

    /// What is still held back when the answer has ended; `cut`: by the limit of its tokens. A
    /// character that it was cut in is left out, and so is the beginning of a call.
    pub fn finish(&mut self, cut: bool) -> Decoded {
        self.bytes.clear();
        let held = self.stops.finish();
        let mut decoded = self.split(&held);
        if let Some(splitter) = &mut self.reasoning {
            let Split { reasoning, answer } = splitter.finish();
            decoded.reasoning.push_str(&reasoning);
            decoded.answer.extend(self.deltas(&answer));
        }
        if let Some(calls) = &mut self.calls {
            decoded.answer.extend(calls.finish(cut));
        }
        decoded
    }

    /// The place of the stop string that was met, among those that were asked for.
    pub fn met(&self) -> Option<u32> {
        self.met.and_then(|place| u32::try_from(place).ok())
    }

    /// Whether the answer has called a tool.
    pub fn called(&self) -> bool {
        self.calls.as_ref().is_some_and(CallParser::called)
    }

    /// What one token says by itself, which may be a part of a character.
    pub fn token_bytes(&self, token: Token) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.vocabulary.append_bytes(token, &mut bytes);
        bytes
    }

    fn split(&mut self, text: &str) -> Decoded {
        let Some(splitter) = &mut self.reasoning else {
            return Decoded { answer: self.deltas(text), ..Decoded::default() };
        };
        let Split { reasoning, answer } = splitter.push(text);
        Decoded { reasoning, answer: self.deltas(&answer), stop: false }
    }

    fn deltas(&mut self, text: &str) -> Vec<AnswerDelta> {
        match &mut self.calls {
            Some(calls) => calls.push(text),
            None if text.is_empty() => Vec::new(),
            None => vec![AnswerDelta::Text(text.to_owned())],
        }
    }
}

/// Takes the whole characters off the front of `bytes`; what can never become one is U+FFFD, what
/// still can is left.
fn take_characters(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut used = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        used += chunk.valid().len();
        let invalid = chunk.invalid();
        // A broken character at the very end may be completed by the next token.
        let may_grow = used + invalid.len() == bytes.len() && could_grow(invalid);
        if !invalid.is_empty() && !may_grow {
            text.push(char::REPLACEMENT_CHARACTER);
            used += invalid.len();
        }
    }
    bytes.drain(..used);
    text
}

/// Whether `bytes` is the start of a character that more bytes would complete.
fn could_grow(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
