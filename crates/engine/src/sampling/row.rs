//! Logits of one position with bias, penalties, bans and mask applied, without copying the
//! vocabulary.
//!
//! Only a few logits differ from the model's output, and a mask consists of whole words. So the row
//! is read in blocks, and only modified blocks are copied. The result is exactly that of a modified
//! copy of all logits.

use harmonic_batching::Token;

use crate::constraint::Mask;

/// Logits per block: one mask word.
pub(super) const BLOCK: usize = Mask::WORD;

/// Logits with their modifications.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    logits: &'a [f32],
    /// Replaced logits, ascending by token index, each at most once; NaN excludes the token.
    changes: &'a [(usize, f32)],
    mask: Option<&'a Mask>,
}

impl<'a> Row<'a> {
    /// Unmodified logits.
    pub(crate) fn plain(logits: &'a [f32]) -> Self {
        Self { logits, changes: &[], mask: None }
    }

    /// `logits` with `changes`, restricted to the tokens in `mask`.
    pub(crate) fn new(
        logits: &'a [f32],
        changes: &'a [(usize, f32)],
        mask: Option<&'a Mask>,
    ) -> Self {
        Self { logits, changes, mask }
    }

    /// Number of logits.
    pub(crate) fn len(&self) -> usize {
        self.logits.len()
    }

    /// Calls `take` with all blocks in order; the last may be shorter. Excluded tokens are NaN.
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

/// Token at `index` of a vocabulary, whose ids have 32 bits in llama.cpp.
pub(super) fn token(index: usize) -> Token {
    Token(i32::try_from(index).unwrap_or(i32::MAX))
}
