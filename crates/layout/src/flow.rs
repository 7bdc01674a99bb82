//! Wrapping of text that arrives in pieces.
//!
//! Invariants: what was given is what comes out, but for spaces that became newlines; code (between
//! fences, or indented) and rows of tables are not wrapped, because a newline would change them.

use crate::width::Width;
use crate::wrap::columns;

/// Text under way to a terminal of a width. A word is held back until it is complete.
#[derive(Clone, Debug)]
pub struct Flow {
    width: Width,
    /// Columns of the current line.
    column: usize,
    /// Spaces, and the word after them, that are held back.
    held: String,
    /// The current line as given, to tell code from prose.
    line: String,
    in_fence: bool,
}

impl Flow {
    /// Flow within `width`.
    pub fn new(width: Width) -> Self {
        Self { width, column: 0, held: String::new(), line: String::new(), in_fence: false }
    }

    /// What of the text up to `chunk` can be printed.
    pub fn push(&mut self, chunk: &str) -> String {
        if self.width.columns().is_none() {
            return chunk.to_owned();
        }
        let mut out = String::new();
        for character in chunk.chars() {
            match character {
                '\n' => {
                    self.release(&mut out);
                    if self.line.trim_start().starts_with("```") {
                        self.in_fence = !self.in_fence;
                    }
                    self.line.clear();
                    self.column = 0;
                    out.push('\n');
                }
                ' ' => {
                    if !self.held.trim_start().is_empty() {
                        self.release(&mut out);
                    }
                    self.held.push(' ');
                }
                other => self.held.push(other),
            }
        }
        out
    }

    /// What is held back, at the end.
    pub fn end(&mut self) -> String {
        let mut out = String::new();
        self.release(&mut out);
        out
    }

    fn release(&mut self, out: &mut String) {
        let held = std::mem::take(&mut self.held);
        self.line.push_str(&held);
        let word = held.trim_start_matches(' ');
        let is_code = self.in_fence
            || self.line.starts_with("    ")
            || self.line.starts_with('\t')
            || self.line.trim_start().starts_with(['|', '`']);
        let fits = self.width.holds(self.column + columns(&held));
        if fits || is_code || self.column == 0 || word.is_empty() {
            self.column += columns(&held);
            out.push_str(&held);
        } else {
            self.column = columns(word);
            out.push('\n');
            out.push_str(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text, given in pieces of `size` characters.
    fn flowed(text: &str, size: usize, width: usize) -> String {
        let mut flow = Flow::new(Width::of_terminal(width));
        let characters: Vec<char> = text.chars().collect();
        let mut out = String::new();
        for piece in characters.chunks(size) {
            out.push_str(&flow.push(&piece.iter().collect::<String>()));
        }
        out + &flow.end()
    }

    #[test]
    fn code_and_tables_keep_their_lines() {
        let long = "word ".repeat(20);
        for text in
            [format!("```\n{long}\n```\n"), format!("    {long}\n"), format!("| {long} |\n")]
        {
            assert_eq!(flowed(&text, 3, 60), text);
        }
        let prose = flowed(&format!("```\n{long}\n```\n{long}"), 3, 60);
        assert_eq!(prose.lines().count(), 5, "{prose}");
    }

    #[test]
    fn a_pipe_gets_what_was_given() {
        let text = "word ".repeat(50);
        assert_eq!(Flow::new(Width::UNLIMITED).push(&text), text);
    }

    proptest! {
        #[test]
        fn no_word_is_broken_and_nothing_is_lost(
            words in prop::collection::vec("[a-zé世][-a-z0-9/.:]{0,30}|[a-z]{70,90}|\n", 0..60),
            size in 1..9_usize,
            width in 60..=200_usize,
        ) {
            let text = words.join(" ");
            let shown = flowed(&text, size, width);
            prop_assert_eq!(
                shown.split_whitespace().collect::<Vec<_>>(),
                text.split_whitespace().collect::<Vec<_>>()
            );
            for line in shown.lines().filter(|line| !line.starts_with("    ")) {
                let alone = line.split_whitespace().count() <= 1;
                prop_assert!(columns(line.trim_end()) <= width || alone, "{}: {:?}", width, line);
            }
        }
    }
}
