//! Text wrapped at a width with a hanging indent; words are never broken.

/// `text` after `first`, in lines of at most `width` columns; further lines begin with `rest`.
pub fn hanging(first: &str, rest: &str, text: &str, width: usize) -> String {
    // Wrapping would take the spaces that align a figure.
    let indent = text.len() - text.trim_start().len();
    let first = format!("{first}{}", &text[..indent]);
    let options = textwrap::Options::new(width)
        .initial_indent(&first)
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text.trim_start(), options)
}
