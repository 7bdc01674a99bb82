//! The tags of a template, before it is parsed.

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::source::refused;

/// Most words and signs within one tag. The compiler recurses over them.
const TAG_TOKENS: usize = 4096;
/// `{% generation %}` stands around what the assistant said, for training. To a rendering it is a
/// block like any other.
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

/// Holds each tag to a limit.
///
/// # Errors
/// When one is beyond it, or no tag.
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
