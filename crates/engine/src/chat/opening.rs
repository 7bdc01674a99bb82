//! Where an answer opens a call by itself, told token by token: what calls are held to begins there.

use std::sync::Arc;

use harmonic_batching::Token;

use super::calls::Syntax;
use super::markers::Markers;
use super::reasoning::Style;
use super::vocabulary::Vocabulary;

/// Follows the tokens of one answer up to its first call.
#[derive(Clone)]
pub struct CallTracker {
    vocabulary: Arc<dyn Vocabulary>,
    markers: Markers,
    syntax: Syntax,
    /// How reasoning is told from the answer; `None` where the model does not reason.
    style: Option<&'static Style>,
    place: Place,
    /// The end of what was written, in which what comes next may begin.
    tail: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before the first character, where reasoning may begin.
    Start,
    Reasoning,
    Answer,
}

/// What a token does.
#[derive(Debug)]
pub(crate) enum Opening {
    /// Nothing is opened; the tracker goes on from there.
    No(CallTracker),
    /// It opens a call, and ends with the opener.
    Opened,
    /// It would open a call and begin it, or open one in a way that is not held to anything.
    Across,
}

impl std::fmt::Debug for CallTracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallTracker").field("place", &self.place).finish_non_exhaustive()
    }
}

impl CallTracker {
    /// Of an answer with calls in `syntax`; `reasoning_open`: it begins inside its reasoning.
    pub(super) fn new(
        vocabulary: Arc<dyn Vocabulary>,
        markers: Markers,
        syntax: Syntax,
        style: Option<&'static Style>,
        reasoning_open: bool,
    ) -> Self {
        let place = if reasoning_open { Place::Reasoning } else { Place::Start };
        Self { vocabulary, markers, syntax, style, place, tail: Vec::new() }
    }

    /// What `token` does, which comes next.
    pub(crate) fn after(&self, token: Token) -> Opening {
        let mut written = self.tail.clone();
        match self.markers.text(token) {
            Some(marker) => written.extend(marker.as_bytes()),
            None => self.vocabulary.append_bytes(token, &mut written),
        }
        let mut next = self.clone();
        let mut rest = written.as_slice();
        let Some(style) = self.style else { return next.in_answer(rest) };
        loop {
            match next.place {
                Place::Start => {
                    let begun = rest.trim_ascii_start();
                    if let Some(after) = begun.strip_prefix(style.open.as_bytes()) {
                        (next.place, rest) = (Place::Reasoning, after);
                    } else if style.open.as_bytes().starts_with(begun) {
                        next.tail = begun.to_vec();
                        return Opening::No(next);
                    } else {
                        next.place = Place::Answer;
                    }
                }
                Place::Reasoning => {
                    let Some(at) = find(rest, style.close) else {
                        next.tail = end(rest, style.close.len() - 1);
                        return Opening::No(next);
                    };
                    (next.place, rest) = (Place::Answer, &rest[at + style.close.len()..]);
                }
                Place::Answer => return next.in_answer(rest),
            }
        }
    }

    fn in_answer(mut self, written: &[u8]) -> Opening {
        let openers = self.syntax.openers();
        let found =
            openers.iter().copied().filter_map(|opener| Some((find(written, opener)?, opener)));
        if let Some((at, opener)) = found.min() {
            let ends = at + opener.len() == written.len();
            let held = self.syntax.opener() == Some(opener);
            return if ends && held { Opening::Opened } else { Opening::Across };
        }
        let longest = openers.iter().map(|opener| opener.len()).max().unwrap_or(1);
        self.tail = end(written, longest - 1);
        Opening::No(self)
    }
}

fn find(written: &[u8], text: &str) -> Option<usize> {
    written.windows(text.len()).position(|window| window == text.as_bytes())
}

/// The last `most` bytes.
fn end(written: &[u8], most: usize) -> Vec<u8> {
    written[written.len().saturating_sub(most)..].to_vec()
}
