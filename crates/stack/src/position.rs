//! Positions in a stack file.
//!
//! Owns the mapping from a byte span of the TOML parser to file and line. Does not read files.

use std::fmt;
use std::ops::Range;

/// A line of a stack file; displayed as `team.toml:7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Path of the file, or the origin of the text.
    pub origin: String,
    /// Line number from 1.
    pub line: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin, self.line)
    }
}

/// The text of a stack file and its name in errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) origin: &'a str,
}

impl Source<'_> {
    /// Position of the first line of `span`.
    pub(crate) fn position(&self, span: &Range<usize>) -> Position {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Position { origin: self.origin.to_owned(), line }
    }

    /// Text of that line, trimmed; empty past the end.
    pub(crate) fn line(&self, position: &Position) -> &str {
        self.text.lines().nth(position.line - 1).unwrap_or_default().trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one_and_a_span_past_the_end_is_the_last() {
        let source = Source { text: "a = 1\n  b = 2\n", origin: "x.toml" };
        let positions = [0..1, 8..9, 900..901].map(|span| source.position(&span).to_string());
        assert_eq!(positions, ["x.toml:1", "x.toml:2", "x.toml:3"]);
        assert_eq!(source.line(&source.position(&(8..9))), "b = 2");
        assert_eq!(source.line(&source.position(&(900..901))), "");
    }
}
