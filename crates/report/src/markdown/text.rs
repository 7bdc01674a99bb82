//! Text from a record, as Markdown that shows it unchanged.
//!
//! Owns: which characters are escaped. Writers of Markdown that are made for any document escape all
//! punctuation; here a backslash stands only where the character could be read as markup, so that
//! the file can be read as it is, too.
//!
//! Invariants: the text is one line, and no part of it becomes markup.

use crate::number_format::printable;

/// Text at the start of a block: a paragraph, a heading or a list item.
pub fn plain(text: &str) -> String {
    escaped(&line(text), true)
}

/// Text of a table cell.
pub fn cell(text: &str) -> String {
    escaped(&line(text), false).replace('|', "\\|")
}

/// Like [`plain`], with the parts between backticks as code.
pub fn prose(text: &str) -> String {
    let line = line(text);
    let parts: Vec<&str> = line.split('`').collect();
    let are_pairs = parts.len() % 2 == 1;
    if !are_pairs || parts.iter().skip(1).step_by(2).any(|code| code.trim().is_empty()) {
        return plain(text);
    }
    let parts = parts.into_iter().enumerate().map(|(index, part)| {
        if index % 2 == 1 { format!("`{part}`") } else { escaped(part, index == 0) }
    });
    parts.collect()
}

/// The text in one line, without characters that are invalid in a document.
fn line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    printable(spaced.trim())
}

fn escaped(text: &str, starts_block: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let marker = if starts_block { block_marker(&chars) } else { None };
    let mut escaped = String::with_capacity(text.len());
    for (index, char) in chars.iter().enumerate() {
        if marker == Some(index) || is_markup(&chars, index) {
            escaped.push('\\');
        }
        escaped.push(*char);
    }
    escaped
}

/// Index of the character that makes the start of a line the marker of a heading, a quotation, a
/// list, a rule, or a definition of a link.
fn block_marker(chars: &[char]) -> Option<usize> {
    let ends_at = |index: usize| chars.get(index).is_none_or(|char| *char == ' ');
    let length = |wanted: fn(&char) -> bool| chars.iter().take_while(|char| wanted(char)).count();
    let is_marker = match chars.first()? {
        '#' => ends_at(length(|char| *char == '#')),
        '>' | '[' => true,
        '+' => ends_at(1),
        '-' => ends_at(1) || chars.iter().all(|char| matches!(char, '-' | ' ')),
        '0'..='9' => {
            let digits = length(char::is_ascii_digit);
            let is_item = matches!(chars.get(digits), Some('.' | ')')) && ends_at(digits + 1);
            return is_item.then_some(digits);
        }
        _ => false,
    };
    is_marker.then_some(0)
}

/// Whether the character at `index` could be read as markup inside a line. What follows the text is
/// not known: it may be punctuation.
fn is_markup(chars: &[char], index: usize) -> bool {
    let char = chars[index];
    let next = chars.get(index + 1).copied();
    let previous = index.checked_sub(1).map(|before| chars[before]);
    // Neighbours of the run of equal characters.
    let before = chars[..index].iter().rev().find(|other| **other != char).copied();
    let after = chars[index..].iter().find(|other| **other != char).copied();
    let is_apart = before == Some(' ') && after == Some(' ');
    let rest = &chars[index + 1..];
    match char {
        '`' => true,
        '\\' => next.is_none_or(|next| next.is_ascii_punctuation()),
        // Emphasis: not where spaces stand on both sides, nor, for `_`, within a word.
        '*' => !is_apart,
        '_' => {
            let is_in_word = [before, after].iter().all(|c| c.is_some_and(char::is_alphanumeric));
            !is_apart && !is_in_word
        }
        // Struck text, unless nothing can end it.
        '~' => {
            let can_only_begin = previous.is_none_or(|before| before == ' ')
                && next.is_some_and(char::is_alphanumeric);
            !can_only_begin
        }
        // Tags and addresses.
        '<' => match next {
            None | Some(' ') => false,
            Some('0'..='9') => chars.contains(&'@'),
            Some(_) => true,
        },
        '[' => rest.windows(2).any(|pair| matches!(pair, [']', '(' | '['])),
        '&' => {
            let name = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
            name > 0 && rest.get(name) == Some(&';')
        }
        // The end of a heading.
        '#' => after.is_none() && before.is_none_or(|before| before == ' '),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    /// Text that a reader sees, and whether there is other markup than the blocks it stands in.
    fn shown(document: &str) -> (String, bool) {
        let extensions = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        let (mut text, mut has_markup) = (String::new(), false);
        for event in Parser::new_ext(document, extensions) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::End(_)
                | Event::Start(
                    Tag::Paragraph
                    | Tag::Heading { .. }
                    | Tag::List(None)
                    | Tag::Item
                    | Tag::Table(_)
                    | Tag::TableHead
                    | Tag::TableRow
                    | Tag::TableCell,
                ) => {}
                _ => has_markup = true,
            }
        }
        (text, has_markup)
    }

    #[test]
    fn names_and_addresses_have_no_backslashes() {
        for text in [
            "technical_director",
            "http://127.0.0.1:4276/v1",
            "http://[::1]:37261",
            "Linux 6.12.0_1-x, 2 threads",
            "a sweep [16x, 32x], #5 of 8",
            "2 * 3 > 5, a | b",
            "~39 W, < 5 ms, R&D",
            "C:\\models",
            "qwen3:30b-a3b, 1.5 GB (Q4_K_M)",
        ] {
            assert_eq!(plain(text), text);
            let (shown, has_markup) = shown(&format!("- {}", plain(text)));
            assert!(shown == text && !has_markup, "{text}: {shown}");
        }
    }

    #[test]
    fn code_in_prose_is_code() {
        assert_eq!(
            prose("run `harmonic doctor`, *then* wait"),
            "run `harmonic doctor`, \\*then\\* wait"
        );
        assert_eq!(prose("a ` alone"), "a \\` alone");
    }

    /// Text with much that could be markup, and any text.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![r"[a1 _*#<>()\[\]`~|&;\\!+.:@=/-]{0,16}", r"\PC{0,16}", ".{0,16}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        #[test]
        fn any_text_is_shown_as_it_is_in_every_place(text in text()) {
            let wanted = line(&text);
            let (text, in_cell) = (plain(&text), cell(&text));
            for document in [
                format!("{text}\n"),
                format!("# {text}\n"),
                format!("- {text}\n"),
                format!("| |\n|--|\n| {in_cell} |\n"),
            ] {
                let (shown, has_markup) = shown(&document);
                prop_assert!(!has_markup, "{:?}", document);
                prop_assert_eq!(&shown, &wanted, "{:?}", document);
            }
        }
    }
}
