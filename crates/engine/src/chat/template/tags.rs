//! Checks and rewrites of a template's tags before parsing.

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::source::refused;

/// Maximum tokens within one tag, over which the compiler recurses.
const TAG_TOKENS: usize = 4096;

/// Replaces `{% generation %}` blocks, which mark assistant text for training, by `{% if true %}`.
pub(super) fn without_generation(source: &str) -> String {
    let mut written = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let inside = at + 2;
        let (before, tag) = rest.split_at(inside);
        written.push_str(before);
        let name_at = tag.len() - tag.trim_start_matches(['-', '+', ' ', '\t', '\n', '\r']).len();
        let name = &tag[name_at..];
        let swaps = [("generation", "if true"), ("endgeneration", "endif")];
        let ends = |rest: &str| rest.trim_start().trim_start_matches(['-', '+']).starts_with("%}");
        let found = swaps.iter().find(|(word, _)| name.strip_prefix(word).is_some_and(ends));
        let (word, swap) = found.copied().unwrap_or_default();
        written.push_str(&tag[..name_at]);
        written.push_str(swap);
        rest = &tag[name_at + word.len()..];
    }
    written + rest
}

/// Checks the length of each tag.
///
/// # Errors
/// If a tag is too long or invalid.
pub(super) fn check_tags(source: &str, syntax: &SyntaxConfig) -> Result<(), Error> {
    let mut inside = 0;
    for token in tokenize(source, false, syntax.clone()) {
        match token?.0 {
            Token::TemplateData(_) | Token::BlockStart | Token::VariableStart => inside = 0,
            _ => inside += 1,
        }
        if inside > TAG_TOKENS {
            return Err(refused(format!("a tag of it has more than {TAG_TOKENS} words and signs")));
        }
    }
    Ok(())
}
