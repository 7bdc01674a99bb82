//! Text of models, tools and people, made fit to be shown.
//!
//! Invariants: what is returned has no control characters but line feeds and tabs, none that
//! reorder or hide what stands beside them, and none that XML forbids.

/// Replacement of a character that is not shown.
const REPLACEMENT: char = '\u{fffd}';

/// Text of several lines.
pub fn block(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { visible(c) }).collect()
}

/// The text in one line, with single spaces between words.
pub fn line(text: &str) -> String {
    let words: Vec<String> =
        text.split_whitespace().map(|word| word.chars().map(visible).collect()).collect();
    words.join(" ")
}

/// [`line`] of at most `most` characters, with an ellipsis where it is longer.
pub fn start(text: &str, most: usize) -> String {
    let line = line(text);
    match line.char_indices().nth(most) {
        None => line,
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
    }
}

fn visible(char: char) -> char {
    let is_hidden = char.is_control()
        || matches!(
            char,
            // Marks, embeddings, overrides and isolates of the direction of writing; separators of
            // lines and paragraphs; joiners of nothing; characters that are none.
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}'
        );
    if is_hidden { REPLACEMENT } else { char }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_is_replaced_and_the_rest_is_kept() {
        assert_eq!(
            block("a\r\nb\tc\u{1b}[2J\u{202e}d\u{0}"),
            "a\nb\tc\u{fffd}[2J\u{fffd}d\u{fffd}"
        );
        assert_eq!(block("é 漢字 👩\u{200d}💻 ﷽"), "é 漢字 👩\u{200d}💻 ﷽");
        assert_eq!(line(" a\n\n b\u{2028}c "), "a b c");
        assert_eq!(start("one two", 4), "one…");
        assert_eq!(start("one", 3), "one");
    }
}
