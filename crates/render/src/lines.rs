//! Lines of text: indented, labelled, wrapped.

/// Maximum width in columns, before indentation.
const MAX_WIDTH: usize = 96;

/// Width of a label in columns.
const LABEL: usize = 10;

/// Space that wrapping keeps.
pub(crate) const NO_BREAK: char = '\u{a0}';

/// `text` with no-break spaces, so that [`labelled`] does not wrap within it, for example between a
/// figure and its unit.
pub fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// `text` with every line indented by two columns.
pub fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => String::new(),
        line => format!("  {line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` beside its label, wrapped with a hanging indent. No-break spaces ([`unbroken`]) prevent
/// wrapping and become ordinary spaces in the result.
pub fn labelled(label: &str, text: &str) -> String {
    let (first, rest) = (format!("{label:<LABEL$}"), " ".repeat(LABEL));
    let options = textwrap::Options::new(MAX_WIDTH).initial_indent(&first).subsequent_indent(&rest);
    textwrap::fill(text, options).replace(NO_BREAK, " ")
}

/// `text` as a list item, wrapped with a hanging indent.
pub fn list_item(text: &str) -> String {
    textwrap::fill(text, textwrap::Options::new(MAX_WIDTH).subsequent_indent("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_wraps_beside_its_label() {
        let text = labelled("plan", &format!("{} ", unbroken("seven agents")).repeat(12));
        assert!(text.lines().all(|line| line.ends_with("agents")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= MAX_WIDTH), "{text}");
        assert!(text.starts_with("plan      seven"), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("          "), "{text}");
        assert_eq!(indented("a\n\nb"), "  a\n\n  b");
    }
}
