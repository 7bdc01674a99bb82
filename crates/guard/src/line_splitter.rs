//! Lines of a program's output, bounded and fit to be shown.

use std::fmt::Write as _;

use harmonic_types::counted;
use memchr::memchr2;

/// Bytes of a line that are kept.
pub(crate) const LINE_BYTES: usize = 4096;

/// Splits bytes into lines. A carriage return ends a line, too, as progress bars write it; empty
/// lines are left out.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    line: Vec<u8>,
    /// Bytes of this line that were not kept.
    cut: u64,
}

impl LineSplitter {
    /// Takes further output, and gives the lines that it completes to `emit`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(String)) {
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            self.keep(&bytes[..end]);
            self.finish(emit);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// Gives the line that the output ends with, if any.
    pub(crate) fn finish(&mut self, emit: &mut impl FnMut(String)) {
        if self.line.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.line);
        // Escape sequences must not reach a terminal by way of an error.
        let shown =
            |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
        let mut text: String = text.chars().map(shown).collect();
        if self.cut > 0 {
            // Writing to a string cannot fail.
            let _written = write!(text, " … [{}]", counted(self.cut, "more byte"));
        }
        self.line.clear();
        self.cut = 0;
        emit(text);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(LINE_BYTES - self.line.len());
        self.line.extend_from_slice(&bytes[..kept]);
        self.cut += (bytes.len() - kept) as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut found = Vec::new();
        for part in parts {
            splitter.push(part, &mut |line| found.push(line));
        }
        splitter.finish(&mut |line| found.push(line));
        found
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_output_arrives(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
            size in 1_usize..50,
        ) {
            prop_assert_eq!(lines(text.chunks(size)), lines([text.as_slice()]));
        }

        #[test]
        fn no_line_is_empty_longer_than_allowed_or_holds_control_characters(
            text in prop::collection::vec(any::<u8>(), 0..20_000),
        ) {
            for line in lines([text.as_slice()]) {
                // A byte that is no UTF-8 becomes three.
                prop_assert!(!line.is_empty() && line.len() <= 3 * LINE_BYTES + 40);
                prop_assert!(!line.contains(|c: char| c.is_control() && c != '\t'));
            }
        }
    }

    #[test]
    fn a_long_line_is_cut_and_says_by_how_much() {
        let text = [b"x".repeat(LINE_BYTES + 10), b"\nnext\r\nlast".to_vec()].concat();
        let found = lines(text.chunks(1000));
        assert_eq!(found[0], format!("{} … [10 more bytes]", "x".repeat(LINE_BYTES)));
        assert_eq!(found[1..], ["next", "last"]);
    }

    #[test]
    fn escape_sequences_are_made_harmless() {
        assert_eq!(lines([b"\x1b[2Jtext\t1\n".as_slice()]), ["\u{fffd}[2Jtext\t1"]);
    }
}
