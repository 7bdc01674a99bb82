//! Where in a stack file something stands.
//!
//! Owns the way from a byte span, as the TOML parser gives it, to what a person looks for: file
//! and line. Does not read files.

use std::fmt;
use std::ops::Range;

/// A line of a stack file; `team.toml:7` when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path of the file, or what else the text came from.
    pub origin: String,
    /// Counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin, self.line)
    }
}

/// The text of a stack file and the name under which errors speak of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) origin: &'a str,
}

impl Source<'_> {
    /// The line on which `span` begins.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Place { origin: self.origin.to_owned(), line }
    }

    /// The text of that line, without the spaces around it; empty past the end.
    pub(crate) fn line(&self, place: &Place) -> &str {
        self.text.lines().nth(place.line - 1).unwrap_or_default().trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one_and_a_span_past_the_end_is_the_last() {
        let source = Source { text: "a = 1\n  b = 2\n", origin: "x.toml" };
        let places = [0..1, 8..9, 900..901].map(|span| source.place(&span).to_string());
        assert_eq!(places, ["x.toml:1", "x.toml:2", "x.toml:3"]);
        assert_eq!(source.line(&source.place(&(8..9))), "b = 2");
        assert_eq!(source.line(&source.place(&(900..901))), "");
    }
}
