//! Marked text as a template sees it: operations work on the plain text, and slices keep their
//! marks.

use std::borrow::Cow;
use std::ops::Range;

use crate::chat::taint::{self, MARK, unmarked};

/// A marked text with its plain text and the mapping between their positions.
pub(super) struct MarkedText<'a> {
    marked: &'a str,
    plain: Cow<'a, str>,
    /// For each position in `plain`, the one in `marked` right after the previous character; empty
    /// if both texts are equal.
    places: Vec<usize>,
}

impl<'a> MarkedText<'a> {
    pub(super) fn of(marked: &'a str) -> Self {
        let plain = unmarked(marked);
        let mut places = Vec::new();
        if let Cow::Owned(plain) = &plain {
            places.resize(plain.len() + 1, 0);
            let (mut at, mut rest) = (0, marked);
            while let Some((c, len)) = taint::first(rest) {
                rest = &rest[len..];
                at += c.map_or(0, char::len_utf8);
                if c.is_some() {
                    places[at] = marked.len() - rest.len();
                }
            }
        }
        Self { marked, plain, places }
    }

    /// Text without marks.
    pub(super) fn plain(&self) -> &str {
        &self.plain
    }

    /// Slice of the plain text's `range`, with its marks; empty for an empty range.
    pub(super) fn cut(&self, range: Range<usize>) -> &'a str {
        if range.is_empty() {
            return "";
        }
        if self.places.is_empty() {
            return &self.marked[range];
        }
        let end = self.places[range.end];
        let marks = self.marked[end..].len() - self.marked[end..].trim_start_matches(MARK).len();
        &self.marked[self.places[range.start]..end + marks]
    }

    /// The same slice, reversed.
    pub(super) fn reversed(&self, range: Range<usize>) -> String {
        let (mut parts, mut rest) = (Vec::new(), self.cut(range));
        while let Some((_, len)) = taint::first(rest) {
            let (part, later) = rest.split_at(len);
            parts.push(part);
            rest = later;
        }
        parts.into_iter().rev().collect()
    }

    /// Character index of the byte position `at` in the plain text.
    pub(super) fn index(&self, at: usize) -> usize {
        self.plain[..at].chars().count()
    }
}
