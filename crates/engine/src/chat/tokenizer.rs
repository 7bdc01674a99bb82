//! From text to tokens.
//!
//! Owns: where a text is cut at tokens that stand for themselves, and that a client's words never
//! become one.
//!
//! Invariants: what lies between two such tokens is tokenised as one piece, so ordinary text becomes
//! what the model's own tokenizer makes of it; the work is linear in the text and ends at the next
//! piece once it is not wanted any more; a piece has no word longer than [`LONGEST_WORD`].

use std::sync::Arc;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use harmonic_batching::Token;

use super::taint::unmarked;
use super::vocabulary::{Ends, Special, Vocabulary};
use crate::workers::{CancelFlag, JobCancelled};

/// Bytes of the longest run without white space, and of white space, that is tokenised in one
/// piece; longer ones are cut. Five of the nineteen vocabularies that llama.cpp ships (aquila,
/// deepseek-coder, deepseek-llm, falcon, gpt-neox) are split by recursive regular expressions, whose
/// stack grows with the run: on a thread of 2 MiB, 8,192 bytes
/// end the process and 4,096 do not.
pub(super) const LONGEST_WORD: usize = 1024;

/// A model's tokenizer.
pub(super) struct Tokenizer {
    vocabulary: Arc<dyn Vocabulary>,
    specials: Vec<Special>,
    /// Finds any of `specials`, by their index.
    any: AhoCorasick,
    /// Finds structure that would be read in plain text as well.
    everywhere: AhoCorasick,
    ends: Ends,
    bos: String,
}

impl Tokenizer {
    /// # Errors
    /// When the vocabulary has more special tokens than can be looked for.
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

    /// Tokens of `text`, in which marks keep what a client wrote from being read as a token.
    ///
    /// # Errors
    /// [`JobCancelled`] when they are not wanted any more.
    pub(super) fn tokens(
        &self,
        text: &str,
        cancelled: &CancelFlag,
    ) -> Result<Vec<Token>, JobCancelled> {
        // Most templates spell the start of text; twice would be a different prompt.
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

    /// Text between special tokens. What it spells of structure is a client's, and is broken where
    /// the model's tokenizer would read it.
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

/// `text` in pieces without overlong words; in one where there are none, and none where it is empty.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, later) = rest.split_at(first_cut(rest));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Where a word of `text` has become too long, or its end.
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

/// As C's `isspace` has it, which is what the model's own tokenizer trims by.
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
