//! Accounting of the KV cells of each sequence of a context.
//!
//! A restore without enough cells fails in llama.cpp and leaves the sequence empty, so free cells
//! are checked first.

use harmonic_engine::SeqId;
use harmonic_types::KvLayout;

use crate::engine::LlamaSetup;

/// Cells in use by sequence.
#[derive(Debug)]
pub(crate) struct Cells {
    layout: KvLayout,
    /// Total cells.
    total: u64,
    held: Vec<u32>,
}

impl Cells {
    /// Cells of a new context of `setup`, all free.
    pub(crate) fn of(setup: &LlamaSetup) -> Self {
        let held = vec![0; setup.sequences as usize];
        Self { layout: setup.kv_layout, total: setup.kv_tokens, held }
    }

    /// Records that `seq` holds `tokens` tokens.
    pub(crate) fn set(&mut self, SeqId(seq): SeqId, tokens: u32) {
        if let Some(held) = self.held.get_mut(seq as usize) {
            *held = tokens;
        }
    }

    /// Number of tokens of `seq`.
    pub(crate) fn of_sequence(&self, SeqId(seq): SeqId) -> u32 {
        self.held.get(seq as usize).copied().unwrap_or(0)
    }

    /// Checks whether `seq` can hold `tokens` tokens beside the other sequences.
    ///
    /// # Errors
    /// A message with the required and the free cells.
    pub(crate) fn check(&self, seq: SeqId, tokens: u32) -> Result<(), String> {
        let free = match self.layout {
            KvLayout::Streams => self.total / (self.held.len() as u64).max(1),
            KvLayout::Unified => {
                let all: u64 = self.held.iter().copied().map(u64::from).sum();
                self.total.saturating_sub(all - u64::from(self.of_sequence(seq)))
            }
        };
        if u64::from(tokens) > free {
            return Err(format!("{tokens} tokens and {free} free cells"));
        }
        Ok(())
    }
}
