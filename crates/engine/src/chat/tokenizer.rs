//! Tokenisation of rendered prompts.
//!
//! Owns: splitting text at special tokens, and preventing client text from becoming one.
//!
//! Invariants: text between two special tokens is tokenised as one piece, so that ordinary text
//! gets the same tokens as from the model's own tokenizer; the work is linear in the text, and ends
//! at the next piece if cancelled; a piece has no word longer than [`LONGEST_WORD`].

use std::sync::Arc;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use harmonic_batching::Token;

use super::taint::unmarked;
use super::vocabulary::{Ends, Special, Vocabulary};
use crate::workers::{CancelFlag, JobCancelled};

/// Longest run without white space, or of white space, that is tokenised in one piece, in bytes;
/// longer runs are cut. Five of the nineteen vocabularies that llama.cpp ships (aquila,
/// deepseek-coder, deepseek-llm, falcon, gpt-neox) are split by recursive regular expressions,
/// whose stack grows with the run: on a thread of 2 MiB, 8,192 bytes crash the process and 4,096 do
/// not.
pub(super) const LONGEST_WORD: usize = 1024;

/// Tokenizer of a model, aware of special tokens and taint marks.
pub(super) struct Tokenizer {
    vocabulary: Arc<dyn Vocabulary>,
    specials: Vec<Special>,
    /// Matcher of all `specials`, by index.
    any: AhoCorasick,
    /// Matcher of structural tokens that are recognised in plain text.
    everywhere: AhoCorasick,
    ends: Ends,
    bos: String,
}

impl Tokenizer {
    /// A tokenizer with `specials`.
    ///
    /// # Errors
    /// [`BuildError`] if the vocabulary has too many special tokens.
    pub(super) fn new(
        vocabulary: Arc<dyn Vocabulary>,
        mut specials: Vec<Special>,
    ) -> Result<Self, BuildError> {
        specials.retain(|special| !special.text.is_empty());
        let any = finder(&specials)?;
        let is_everywhere = |special: &&Special| !special.control && special.is_structure();
        let everywhere: Vec<Special> = specials.iter().filter(is_everywhere).cloned().collect();
        let everywhere = finder(&everywhere)?;
        let (ends, bos) = (vocabulary.ends(), vocabulary.bos_text());
        Ok(Self { vocabulary, specials, any, everywhere, ends, bos })
    }

    /// Tokenises marked `text`; marks prevent special tokens in client text.
    ///
    /// # Errors
    /// [`JobCancelled`] if cancelled.
    pub(super) fn tokens(
        &self,
        text: &str,
        cancelled: &CancelFlag,
    ) -> Result<Vec<Token>, JobCancelled> {
        // Most templates write the start of text themselves; it must not occur twice.
        let spelled = !self.bos.is_empty() && text.starts_with(&self.bos);
        let Ends { start, end } = if spelled { Ends::default() } else { self.ends };
        let mut tokens: Vec<Token> = start.into_iter().collect();
        let (mut from, mut trims) = (0, false);
        let trimmed = |text, trims| if trims { trim_start(text) } else { text };
        for found in self.any.find_iter(text) {
            let special = &self.specials[found.pattern().as_usize()];
            let before = trimmed(&text[from..found.start()], trims);
            let before = if special.trims_before { trim_end(before) } else { before };
            self.push_plain(before, &mut tokens, cancelled)?;
            tokens.push(special.token);
            (from, trims) = (found.end(), special.trims_after);
        }
        self.push_plain(trimmed(&text[from..], trims), &mut tokens, cancelled)?;
        tokens.extend(end);
        Ok(tokens)
    }

    /// Tokenises text between special tokens. Structural tokens spelled in it are client text, and
    /// are split so that the model's tokenizer does not recognise them.
    fn push_plain(
        &self,
        marked: &str,
        tokens: &mut Vec<Token>,
        cancelled: &CancelFlag,
    ) -> Result<(), JobCancelled> {
        cancelled.check()?;
        let text = unmarked(marked);
        let (mut from, mut goes_on) = (0, false);
        while let Some(found) = self.everywhere.find(&text[from..]) {
            let start = from + found.start();
            let first = text[start..].chars().next().map_or(1, char::len_utf8);
            self.push_words(&text[from..start + first], &mut goes_on, tokens, cancelled)?;
            from = start + first;
        }
        self.push_words(&text[from..], &mut goes_on, tokens, cancelled)
    }

    fn push_words(
        &self,
        text: &str,
        goes_on: &mut bool,
        tokens: &mut Vec<Token>,
        cancelled: &CancelFlag,
    ) -> Result<(), JobCancelled> {
        for piece in pieces(text) {
            cancelled.check()?;
            let vocabulary = &self.vocabulary;
            tokens.extend(if *goes_on {
                vocabulary.tokenize_on(piece)
            } else {
                vocabulary.tokenize(piece)
            });
            *goes_on = true;
        }
        Ok(())
    }
}

fn finder(specials: &[Special]) -> Result<AhoCorasick, BuildError> {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(specials.iter().map(|special| special.text.as_str()))
}

/// Splits `text` into pieces without overlong words; no piece if it is empty.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, later) = rest.split_at(first_cut(rest));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Position in `text` at which a word becomes too long, or its end.
fn first_cut(text: &str) -> usize {
    if text.len() <= LONGEST_WORD {
        return text.len();
    }
    let (mut start, mut blank) = (0, false);
    for (at, c) in text.char_indices() {
        if c.is_whitespace() != blank {
            (start, blank) = (at, !blank);
        } else if at + c.len_utf8() - start > LONGEST_WORD {
            return at;
        }
    }
    text.len()
}

/// C's `isspace`, by which llama.cpp trims around special tokens.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_space)
}

#[cfg(test)]
mod tests;
