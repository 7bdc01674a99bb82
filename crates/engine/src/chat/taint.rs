//! Taint marks: distinguish client text from template text through rendering.
//!
//! Owns: the two code points for a mark and for the escape character. Both are Unicode
//! noncharacters, which do not occur in proper text; if a client sends them, they are escaped.
//!
//! Invariants: in client text, each first or last character of a structural token is surrounded by
//! marks, so that no such token can be recognised in client text or across its border, even after
//! the template has trimmed, split, joined, sliced, replaced, reversed or case-folded it; so is a
//! text that is the middle of such a token. Other text is passed to the template unchanged.
//! [`unmarked`] restores the original.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::vocabulary::Special;

/// Mark beside a character of client text.
pub(super) const MARK: char = '\u{FDD0}';
/// Escape of the reserved code points in client text.
const ESCAPE: char = '\u{FDD1}';
/// Codes after [`ESCAPE`] for [`MARK`] and [`ESCAPE`] in client text.
const ESCAPED: [(char, char); 2] = [('0', MARK), ('1', ESCAPE)];

/// Longest text checked as the middle of a token, in bytes; longer than any token.
const LONGEST_MIDDLE: usize = 64;

/// Marks for the structural tokens of one vocabulary.
#[derive(Debug, Default)]
pub(super) struct TaintMarks {
    /// First and last characters of the structural tokens.
    edges: BTreeSet<char>,
    /// Lookup table of the edges below 128.
    ascii: Vec<bool>,
    /// Middles of the structural tokens, in lower case, each after a NUL.
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

    /// Whether `text` is part of the middle of a structural token.
    fn is_middle(&self, text: &str) -> bool {
        !text.is_empty() && !text.contains('\0') && self.middles.contains(&text.to_lowercase())
    }

    fn is_edge(&self, c: char) -> bool {
        match self.ascii.get(c as usize) {
            Some(edge) => *edge,
            None => !c.is_ascii() && self.edges.contains(&c),
        }
    }

    /// Marks `text` of a client.
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

    /// Marks the edge characters of `text`.
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

    /// Marks all strings of a client's `value`; in member names, by which templates look them up,
    /// only edges.
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

/// Escapes a raw `text`, whose control tokens are recognised.
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

/// Whether `c` is a reserved code point.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, MARK | ESCAPE)
}

/// Removes marks and escapes.
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

/// First unit of `text`: a character, or `None` for a mark, with its encoded length in bytes.
pub(super) fn first(text: &str) -> Option<(Option<char>, usize)> {
    let mut chars = text.chars();
    let c = chars.next()?;
    let len = c.len_utf8();
    match c {
        MARK => Some((None, len)),
        // An escape separated from its code is dropped.
        ESCAPE => Some(match chars.next().and_then(|d| ESCAPED.iter().find(|e| e.0 == d)) {
            Some((digit, meant)) => (Some(*meant), len + digit.len_utf8()),
            None => (None, len),
        }),
        c => Some((Some(c), len)),
    }
}

#[cfg(test)]
mod tests;
