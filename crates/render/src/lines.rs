//! Lines of text: set in, labelled, wrapped.

/// Widest line of a view, before it is set in.
const WIDEST: usize = 96;

/// Columns of a label.
const LABEL: usize = 10;

const NO_BREAK: char = '\u{a0}';

/// `text` as one word to [`labelled`]: a figure and its unit stay on one line.
pub fn together(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// `text` with every line set in by two columns.
pub fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => String::new(),
        line => format!("  {line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` beside its label, wrapped so that nothing stands under the label. A no-break space
/// ([`together`]) holds words together and is an ordinary one in the result.
pub fn labelled(label: &str, text: &str) -> String {
    let (first, rest) = (format!("{label:<LABEL$}"), " ".repeat(LABEL));
    let options = textwrap::Options::new(WIDEST).initial_indent(&first).subsequent_indent(&rest);
    textwrap::fill(text, options).replace(NO_BREAK, " ")
}

/// `text` as an entry of a list: its further lines are set in.
pub fn listed(text: &str) -> String {
    textwrap::fill(text, textwrap::Options::new(WIDEST).subsequent_indent("  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_wraps_beside_its_label() {
        let text = labelled("plan", &format!("{} ", together("seven agents")).repeat(12));
        assert!(text.lines().all(|line| line.ends_with("agents")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDEST), "{text}");
        assert!(text.starts_with("plan      seven"), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("          "), "{text}");
        assert_eq!(indented("a\n\nb"), "  a\n\n  b");
    }
}
