//! Lines of text: indented, labelled, listed.

use harmonic_layout::{Width, beside};

pub use harmonic_layout::{joined_figures, unbroken, wrap_lines};

/// Width of a label in columns.
const LABEL: usize = 10;

/// Columns that [`indented`] takes.
pub const INDENT: usize = 2;

/// `text` with every line indented by [`INDENT`] columns.
pub fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => String::new(),
        line => format!("{:INDENT$}{line}", ""),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` beside its label, wrapped with a hanging indent.
pub fn labelled(label: &str, text: &str, width: Width) -> String {
    beside(&format!("{label:<LABEL$}"), &" ".repeat(LABEL), text, width).join("\n")
}

/// `text` as a list item, wrapped with a hanging indent.
pub fn list_item(text: &str, width: Width) -> String {
    beside("", "  ", text, width).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_wraps_beside_its_label() {
        let text = format!("{} ", unbroken("seven agents")).repeat(12);
        let text = labelled("plan", &text, Width::of_terminal(80));
        assert!(text.lines().all(|line| line.ends_with("agents")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.starts_with("plan      seven"), "{text}");
        assert!(text.lines().nth(1).unwrap().starts_with("          "), "{text}");
        assert_eq!(indented("a\n\nb"), "  a\n\n  b");
    }
}
