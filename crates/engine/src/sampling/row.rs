//! The logits of one position as the chain sees them: with bias, penalties, bans and a grammar's
//! mask already in them, yet without a copy of the vocabulary.
//!
//! Only a few tokens ever differ from what the model said, and a mask is whole words of bits. So
//! the row is handed out in blocks, and only the blocks that something touches are written anew.
//! Whatever is computed from the blocks is therefore exactly what a changed copy would give.

use harmonic_batching::Token;

use crate::constraint::Mask;

/// Logits handed out together: one word of a mask.
pub(super) const BLOCK: usize = Mask::WORD;

/// Logits with what is different about them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    logits: &'a [f32],
    /// Ascending by token, each at most once and within the vocabulary; NaN is "never".
    changes: &'a [(usize, f32)],
    mask: Option<&'a Mask>,
}

impl<'a> Row<'a> {
    /// What the model said.
    pub(crate) fn plain(logits: &'a [f32]) -> Self {
        Self { logits, changes: &[], mask: None }
    }

    /// `logits` but for `changes`, of which only the tokens of `mask` may be chosen.
    pub(crate) fn new(
        logits: &'a [f32],
        changes: &'a [(usize, f32)],
        mask: Option<&'a Mask>,
    ) -> Self {
        Self { logits, changes, mask }
    }

    /// Logits in all.
    pub(crate) fn len(&self) -> usize {
        self.logits.len()
    }

    /// All blocks in order; the last may be shorter. Tokens that may not be chosen are NaN.
    #[inline]
    pub(crate) fn for_each_block(&self, mut take: impl FnMut(&[f32])) {
        let mut scratch = [0.0; BLOCK];
        let mut changes = self.changes;
        for (at, block) in self.logits.chunks(BLOCK).enumerate() {
            let mine = changes.iter().take_while(|(token, _)| token / BLOCK == at).count();
            let (here, later) = changes.split_at(mine);
            changes = later;
            take(self.write(at, block, here, &mut scratch));
        }
    }

    /// The block at `at`.
    pub(crate) fn block<'s>(&self, at: usize, scratch: &'s mut [f32; BLOCK]) -> &'s [f32]
    where
        'a: 's,
    {
        let start = (at * BLOCK).min(self.logits.len());
        let block = &self.logits[start..(start + BLOCK).min(self.logits.len())];
        let from = self.changes.partition_point(|(token, _)| *token < start);
        let to = self.changes.partition_point(|(token, _)| *token < start + BLOCK);
        self.write(at, block, &self.changes[from..to], scratch)
    }

    #[inline]
    fn write<'s>(
        &self,
        at: usize,
        block: &'s [f32],
        changes: &[(usize, f32)],
        scratch: &'s mut [f32; BLOCK],
    ) -> &'s [f32] {
        let allowed = self.mask.map_or(u64::MAX, |mask| mask.word(at));
        if changes.is_empty() && allowed == u64::MAX {
            return block;
        }
        let written = &mut scratch[..block.len()];
        written.copy_from_slice(block);
        for (token, logit) in changes {
            written[token % BLOCK] = *logit;
        }
        if allowed != u64::MAX {
            for (bit, logit) in written.iter_mut().enumerate() {
                if (allowed >> bit) & 1 == 0 {
                    *logit = f32::NAN;
                }
            }
        }
        written
    }
}

/// The token at `index` of a vocabulary, which llama.cpp counts in 32 bits.
pub(super) fn token(index: usize) -> Token {
    Token(i32::try_from(index).unwrap_or(i32::MAX))
}
