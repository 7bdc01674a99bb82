//! Text within a bound: results for models, and words of strangers in messages for people.

use harmonic_types::tool::ToolOutput;

/// Longest quotation of a server's or a command's own words in an error, in bytes.
const QUOTATION_BYTES: usize = 400;

/// `text` as a result of at most `limit` bytes, with `cut` bytes cut before.
pub(crate) fn bounded(mut text: String, is_error: bool, limit: usize, cut: u64) -> ToolOutput {
    let length = text.len();
    text.truncate(text.floor_char_boundary(limit));
    let bytes_cut = cut.saturating_add((length - text.len()) as u64);
    ToolOutput { text, is_error, bytes_cut }
}

/// Words of a stranger for one line of an error: without control characters, and short.
pub(crate) fn quoted(words: &str) -> String {
    let words = words.trim();
    let shown = &words[..words.floor_char_boundary(QUOTATION_BYTES)];
    let mut line: String =
        shown.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    if shown.len() < words.len() {
        line.push('…');
    }
    line
}

/// The last bytes of a text that is written without end.
#[derive(Debug)]
pub(crate) struct Tail {
    bytes: std::collections::VecDeque<u8>,
    capacity: usize,
    dropped: u64,
}

impl Tail {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { bytes: std::collections::VecDeque::new(), capacity, dropped: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(self.capacity)..];
        let surplus = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..surplus);
        self.bytes.extend(kept);
        self.dropped += (surplus + bytes.len() - kept.len()) as u64;
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn text(&self) -> String {
        let (first, second) = self.bytes.as_slices();
        String::from_utf8_lossy(&[first, second].concat()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_cut_between_characters_and_says_how_much_is_missing() {
        let output = bounded("aäää".to_owned(), false, 4, 10);
        assert_eq!((output.text.as_str(), output.bytes_cut), ("aä", 14));
        assert_eq!(bounded("abc".to_owned(), false, 3, 0).bytes_cut, 0);
    }

    #[test]
    fn a_quotation_has_one_line_and_no_escape_sequences() {
        let long = quoted(&"ä".repeat(1000));
        assert!(long.len() < 410 && long.ends_with('…'), "{long}");
        assert_eq!(quoted(" a\u{1b}[31m\nb "), "a [31m b");
    }

    #[test]
    fn a_tail_keeps_the_end_and_counts_the_rest() {
        let mut tail = Tail::new(4);
        for part in ["ab", "cde", "", "fghijk"] {
            tail.push(part.as_bytes());
        }
        assert_eq!((tail.text().as_str(), tail.dropped()), ("hijk", 7));
    }
}
