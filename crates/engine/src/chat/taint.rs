//! TaintMarks that tell what a client wrote from what the template did, through whatever the template
//! makes of it.
//!
//! Owns: the two code points that stand for a mark and for its own escape. Both are noncharacters,
//! which no text is meant to hold; where a client sends them, they are escaped.
//!
//! Invariants: around each character that a structural token begins or ends with stands a mark, so
//! no such token can be read in, or across the border of, what a client wrote, also after the
//! template has trimmed, split, joined, sliced, replaced, reversed or changed the case of it; so do
//! marks around a text that is the middle of such a token; any other text is handed to the template
//! as it is; [`unmarked`] gives back what was marked.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::vocabulary::Special;

/// Stands beside a character that a client wrote.
pub(super) const MARK: char = '\u{FDD0}';
/// Stands before what stands for a code point of ours in a client's text.
const ESCAPE: char = '\u{FDD1}';
/// After [`ESCAPE`]: a client's [`MARK`], and a client's [`ESCAPE`].
const ESCAPED: [(char, char); 2] = [('0', MARK), ('1', ESCAPE)];

/// Bytes of the longest text that is looked for in the middle of a token: longer than any token.
const LONGEST_MIDDLE: usize = 64;

/// TaintMarks texts for one vocabulary.
#[derive(Debug, Default)]
pub(super) struct TaintMarks {
    /// First and last characters of structural tokens.
    edges: BTreeSet<char>,
    /// Whether a character below 128 is an edge.
    ascii: Vec<bool>,
    /// What stands between them, in lower case, each after a NUL.
    middles: String,
}

impl TaintMarks {
    pub(super) fn of(specials: &[Special]) -> Self {
        let structure = || specials.iter().filter(|special| special.is_structure());
        let ends = |special: &Special| {
            let mut chars = special.text.chars();
            let first = chars.next();
            [first, chars.next_back().or(first)]
        };
        let edges: BTreeSet<char> = structure().flat_map(ends).flatten().collect();
        let ascii = (0..128_u8).map(|byte| edges.contains(&char::from(byte))).collect();
        let middle = |special: &Special| {
            let mut chars = special.text.chars();
            chars.next();
            chars.next_back();
            ["\0", &chars.as_str().to_lowercase()].concat()
        };
        let middles: BTreeSet<String> = structure().map(middle).collect();
        Self { edges, ascii, middles: middles.into_iter().collect() }
    }

    /// Whether a structural token needs nothing but its ends around `text`.
    fn is_middle(&self, text: &str) -> bool {
        !text.is_empty() && !text.contains('\0') && self.middles.contains(&text.to_lowercase())
    }

    fn is_edge(&self, c: char) -> bool {
        match self.ascii.get(c as usize) {
            Some(edge) => *edge,
            None => !c.is_ascii() && self.edges.contains(&c),
        }
    }

    /// `text` of a client, marked.
    pub(super) fn text(&self, text: &str) -> String {
        let core = text.trim();
        if core.len() <= LONGEST_MIDDLE && self.is_middle(core) {
            let start = text.len() - text.trim_start().len();
            let (before, after) = (&text[..start], &text[start + core.len()..]);
            let core = self.edged(core);
            return format!("{before}{MARK}{core}{MARK}{after}");
        }
        self.edged(text)
    }

    /// `text` with its edges marked.
    fn edged(&self, text: &str) -> String {
        let mut marked = String::with_capacity(text.len());
        for c in text.chars() {
            if self.is_edge(c) {
                marked.extend([MARK, c, MARK]);
            } else {
                push_escaped(&mut marked, c);
            }
        }
        marked
    }

    /// `value` of a client with all its texts marked; in the names of members, by which templates
    /// find them, only edges.
    pub(super) fn json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(&text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Value::Object(members) => {
                let marked = |(name, value): (String, Value)| (self.edged(&name), self.json(value));
                Value::Object(members.into_iter().map(marked).collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}

/// `text` that is to be read as it stands, control tokens included.
pub(super) fn raw(text: &str) -> Cow<'_, str> {
    if !text.contains([MARK, ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    Cow::Owned(escaped)
}

fn push_escaped(text: &mut String, c: char) {
    match ESCAPED.iter().find(|(_, meant)| *meant == c) {
        Some((digit, _)) => text.extend([ESCAPE, *digit]),
        None => text.push(c),
    }
}

/// Whether `c` stands for a mark or before what it escapes.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, MARK | ESCAPE)
}

/// `text` as the client and the template wrote it.
pub(super) fn unmarked(text: &str) -> Cow<'_, str> {
    if !text.contains([MARK, ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((c, len)) = first(rest) {
        plain.extend(c);
        rest = &rest[len..];
    }
    Cow::Owned(plain)
}

/// What `text` starts with: a character that was written, or a mark, and its bytes here.
pub(super) fn first(text: &str) -> Option<(Option<char>, usize)> {
    let mut chars = text.chars();
    let c = chars.next()?;
    let len = c.len_utf8();
    match c {
        MARK => Some((None, len)),
        // One that was cut from what it escapes is no text of anybody.
        ESCAPE => Some(match chars.next().and_then(|d| ESCAPED.iter().find(|e| e.0 == d)) {
            Some((digit, meant)) => (Some(*meant), len + digit.len_utf8()),
            None => (None, len),
        }),
        c => Some((Some(c), len)),
    }
}

#[cfg(test)]
mod tests;
