//! Wrapping of text between words.
//!
//! A word ends at a space and nowhere else: `--long-flags`, `harmonic-words`, paths and ids are not
//! broken. A number and its unit (`21.5 GB`) are one word, and so are parts joined by a no-break
//! space ([`unbroken`]).

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use crate::width::Width;

const NO_BREAK: char = '\u{a0}';

/// Extra indentation of the continuation of a line.
const HANGING: &str = "  ";

/// Units that stay with their number.
const UNITS: [&str; 36] = [
    "%", "B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "B/s", "kB/s", "MB/s", "GB/s",
    "bit", "bits", "bytes", "ns", "µs", "ms", "s", "min", "h", "d", "W", "J", "kWh", "MHz", "GHz",
    "°C", "tok/s", "tok/W", "tok/J", "tok/s/W", "M", "nats",
];

/// Columns that `text` takes on a terminal.
pub fn columns(text: &str) -> usize {
    display_width(text)
}

/// `text` with no-break spaces, so that it is not wrapped; they become ordinary spaces in the
/// result.
pub fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// `text` with no-break spaces between numbers and their units, for what wraps by itself.
pub fn joined_figures(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let joined = words(line).map(|word| format!("{}{}", unbroken(word.word), word.whitespace));
        joined.collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` within `width`, as one string per line.
pub fn wrap(text: &str, width: Width) -> Vec<String> {
    beside("", "", text, width)
}

/// `text` after `first` on its first line and after `rest` on the others. A word that is too long
/// beside `first` stands alone on the next line.
pub fn beside(first: &str, rest: &str, text: &str, width: Width) -> Vec<String> {
    if text.trim_matches(' ').is_empty() {
        return vec![finished(first)];
    }
    let Some(columns) = width.columns() else {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        return with_prefixes(first, rest, &lines);
    };
    let begin = words(text.trim_start_matches(' ')).next().map_or("", |word| word.word);
    let crowded =
        !first.trim().is_empty() && !width.holds(display_width(first) + display_width(begin));
    let initial = if crowded { rest } else { first };
    let options = Options::new(columns)
        .initial_indent(initial)
        .subsequent_indent(rest)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .break_words(false);
    let wrapped = textwrap::wrap(text, options);
    let lines = wrapped.into_iter().map(|line| finished(&line));
    if crowded { std::iter::once(finished(first)).chain(lines).collect() } else { lines.collect() }
}

/// Each line of `text` that exceeds `width`, wrapped with its own indentation and a little more.
pub fn wrap_lines(text: &str, width: Width) -> String {
    let wrapped = text.lines().flat_map(|line| {
        if width.holds(display_width(line)) {
            return vec![finished(line)];
        }
        let content = line.trim_start_matches(' ');
        let indent = &line[..line.len() - content.len()];
        beside(indent, &format!("{indent}{HANGING}"), content, width)
    });
    let mut wrapped = wrapped.collect::<Vec<_>>().join("\n");
    if text.ends_with('\n') {
        wrapped.push('\n');
    }
    wrapped
}

/// The words of `text` that fit into `columns`, with `…` for the others; of a first word that does
/// not fit, its beginning. For lines that are drawn over and must not wrap.
pub fn shortened(text: &str, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let mut kept = String::new();
    for word in text.split_inclusive(' ') {
        if display_width(kept.as_str()) + display_width(word.trim_end()) > room {
            break;
        }
        kept.push_str(word);
    }
    if kept.trim().is_empty() {
        for character in text.trim_start().chars() {
            if display_width(&format!("{kept}{character}")) > room {
                break;
            }
            kept.push(character);
        }
    }
    format!("{}…", kept.trim_end())
}

fn with_prefixes(first: &str, rest: &str, lines: &[String]) -> Vec<String> {
    if lines.is_empty() {
        return vec![finished(first)];
    }
    let prefixed = lines.iter().enumerate();
    let prefixed = prefixed.map(|(index, line)| match index {
        0 => finished(&format!("{first}{line}")),
        _ => finished(&format!("{rest}{line}")),
    });
    prefixed.collect()
}

/// A line without trailing spaces and no-break spaces.
fn finished(line: &str) -> String {
    line.trim_end().replace(NO_BREAK, " ")
}

/// The words of a line, with the spaces after them.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut ends: Vec<(usize, &str)> = Vec::new();
    let mut end = 0;
    for word in WordSeparator::AsciiSpace.find_words(line) {
        end += word.word.len() + word.whitespace.len();
        match ends.last_mut() {
            Some((last_end, last)) if belong_together(last, word.word) => {
                (*last_end, *last) = (end, word.word);
            }
            _ => ends.push((end, word.word)),
        }
    }
    let mut start = 0;
    Box::new(ends.into_iter().map(move |(end, _)| {
        let word = Word::from(&line[start..end]);
        start = end;
        word
    }))
}

/// Whether `next` is the unit of the number `word`, or one of them is a sign beside a figure.
fn belong_together(word: &str, next: &str) -> bool {
    if matches!(word, "±" | "×" | "÷") {
        return next.starts_with(|c: char| c.is_ascii_digit());
    }
    let number = word.trim_start_matches(['(', '[', '~', '±', '<', '>', '`', '-']);
    let is_number = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '/'));
    let unit = next.trim_end_matches([',', '.', ';', ':', ')', ']', '`', '?', '!']);
    is_number && (matches!(next, "±" | "×" | "÷") || UNITS.contains(&unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(columns: usize) -> Width {
        Width::of_terminal(columns)
    }

    #[test]
    fn flags_hyphenated_words_paths_and_figures_are_not_broken() {
        let text = "the word harmonic-words stands before --connections-per-address and 21.5 GB of \
                    /a/path-with-hyphens/and.more (12.3 ± 0.4 tok/s), then 30 s more and the end";
        for columns in 60..=200 {
            let lines = wrap(text, at(columns));
            assert!(lines.iter().all(|line| super::columns(line) <= columns), "{lines:?}");
            for whole in [
                "harmonic-words",
                "--connections-per-address",
                "21.5 GB",
                "(12.3 ± 0.4 tok/s),",
                "30 s",
            ] {
                assert!(lines.iter().any(|line| line.contains(whole)), "{whole}: {lines:?}");
            }
        }
    }

    #[test]
    fn a_word_that_is_too_long_stands_alone() {
        let long = "x".repeat(70);
        assert_eq!(wrap(&format!("see {long} there"), at(60)), ["see", &long, "there"]);
        assert_eq!(
            beside("label     ", "          ", &format!("{long} there"), at(60)),
            ["label", &format!("          {long}"), "          there"]
        );
    }

    #[test]
    fn without_a_width_lines_are_whole() {
        let text = "a word ".repeat(100);
        assert_eq!(wrap(&text, Width::UNLIMITED), [text.trim_end()]);
        assert_eq!(wrap_lines(&text, Width::UNLIMITED), text.trim_end());
    }

    #[test]
    fn lines_that_fit_stay_and_others_keep_their_indentation() {
        let text = format!("    a  b\n  {}\n", "word ".repeat(15).trim_end());
        let wrapped = wrap_lines(&text, at(60));
        assert!(wrapped.starts_with("    a  b\n  word"), "{wrapped}");
        assert!(wrapped.ends_with("\n    word word word word\n"), "{wrapped}");
    }

    #[test]
    fn a_line_that_is_drawn_over_is_cut_between_words() {
        assert_eq!(shortened("fetching smollm2:135m from there", 24), "fetching smollm2:135m…");
        assert_eq!(shortened("fetching", 24), "fetching");
        assert_eq!(shortened(&"x".repeat(30), 10), format!("{}…", "x".repeat(9)));
    }

    proptest! {
        #[test]
        fn no_word_is_broken_and_no_line_is_longer_than_the_width_or_a_word(
            words in prop::collection::vec("[a-zé世0-9][-a-z0-9/.:_=]{0,40}|[0-9]{1,3}\\.[0-9]|GB|tok/s|±|[a-z]{90,120}", 0..60),
            label in "[a-z]{0,9}",
            columns in 60..=200_usize,
        ) {
            let text = words.join(" ");
            let first = format!("{label:<10}");
            let lines = beside(&first, &" ".repeat(10), &text, at(columns));
            let found: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
            let given: Vec<&str> = label.split_whitespace().chain(text.split_whitespace()).collect();
            prop_assert_eq!(found, given);
            for line in &lines {
                let alone = super::words(line.trim()).count() <= 1;
                prop_assert!(super::columns(line) <= columns || alone, "{}: {:?}", columns, line);
            }
        }
    }
}
