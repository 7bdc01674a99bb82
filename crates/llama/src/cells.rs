//! The cells that each sequence of a context holds, and whether there are enough for more.
//!
//! llama.cpp answers a restore that finds no cells with a plain failure, after which the sequence is
//! empty; it is asked only where it can succeed.

use harmonic_engine::SeqId;
use harmonic_types::KvLayout;

use crate::engine::LlamaSetup;

/// Cells in use, by sequence.
#[derive(Debug)]
pub(crate) struct Cells {
    layout: KvLayout,
    /// Cells in all.
    total: u64,
    held: Vec<u32>,
}

impl Cells {
    /// Those of a new context of `setup`, all free.
    pub(crate) fn of(setup: &LlamaSetup) -> Self {
        let held = vec![0; setup.sequences as usize];
        Self { layout: setup.kv_layout, total: setup.kv_tokens, held }
    }

    /// `seq` holds `tokens` tokens from now on.
    pub(crate) fn set(&mut self, SeqId(seq): SeqId, tokens: u32) {
        if let Some(held) = self.held.get_mut(seq as usize) {
            *held = tokens;
        }
    }

    /// Tokens that `seq` holds.
    pub(crate) fn of_sequence(&self, SeqId(seq): SeqId) -> u32 {
        self.held.get(seq as usize).copied().unwrap_or(0)
    }

    /// Whether `seq` could hold `tokens` tokens beside what the others hold.
    ///
    /// # Errors
    /// How many there are, and how many could be had.
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
