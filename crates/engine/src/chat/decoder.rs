//! Decoding of one answer's tokens.

use std::sync::Arc;

use harmonic_batching::Token;

use super::calls::{AnswerDelta, CallParser};
use super::markers::Markers;
use super::reasoning::{ReasoningSplitter, Split};
use super::stop::StopStrings;
use super::vocabulary::Vocabulary;

/// Decoder of one answer: bytes to characters, then stop strings, then reasoning, then tool calls.
pub struct Decoder {
    vocabulary: Arc<dyn Vocabulary>,
    /// Control tokens to decode as text.
    markers: Markers,
    /// Bytes of an incomplete character.
    bytes: Vec<u8>,
    stops: StopStrings,
    /// Index of the matched stop string.
    stop_match: Option<usize>,
    reasoning: Option<ReasoningSplitter>,
    calls: Option<CallParser>,
}

/// Output of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Reasoning text.
    pub reasoning: String,
    /// Text and tool calls.
    pub answer: Vec<AnswerDelta>,
    /// Whether the answer ends: end of turn, stop string, or its only call is complete.
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
        Self { vocabulary, markers, bytes, stops, stop_match: None, reasoning, calls }
    }

    /// Ends the answer after its first call.
    #[must_use]
    pub fn ending_with_first_call(mut self) -> Self {
        if let Some(calls) = &mut self.calls {
            calls.end_with_first();
        }
        self
    }

    /// Expects a forced call. Stop strings are disabled, as they would cut off the call.
    #[must_use]
    pub fn of_forced_call(mut self) -> Self {
        self.stops = StopStrings::new(Vec::new());
        if let Some(calls) = &mut self.calls {
            calls.force();
        }
        self
    }

    /// Decodes the next token.
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
        self.stop_match = self.stop_match.or(released.matched);
        let decoded = self.split(&released.text);
        let complete = self.calls.as_ref().is_some_and(CallParser::complete);
        Decoded { stop: complete || released.matched.is_some(), ..decoded }
    }

    /// Flushes held-back output at the end of the answer. `cut`: whether the token limit ended it.
    /// An incomplete character is dropped, and if cut, so is an incomplete start of a call.
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

    /// Index of the matched stop string among those requested.
    pub fn stop_index(&self) -> Option<u32> {
        self.stop_match.and_then(|index| u32::try_from(index).ok())
    }

    /// Whether the answer has a complete tool call.
    pub fn called(&self) -> bool {
        self.calls.as_ref().is_some_and(CallParser::called)
    }

    /// Bytes of a single token, possibly part of a character.
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

/// Takes the complete characters from the front of `bytes`. Invalid bytes become U+FFFD; an
/// incomplete character stays.
fn take_characters(bytes: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut used = 0;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        used += chunk.valid().len();
        let invalid = chunk.invalid();
        // An incomplete character at the end may be completed by the next token.
        let may_grow = used + invalid.len() == bytes.len() && could_grow(invalid);
        if !invalid.is_empty() && !may_grow {
            text.push(char::REPLACEMENT_CHARACTER);
            used += invalid.len();
        }
    }
    bytes.drain(..used);
    text
}

/// Whether `bytes` is an incomplete character.
fn could_grow(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
