//! Input of one step of the machine.

use harmonic_types::RequestId;

use crate::ids::{SeqId, Token};

/// Consecutive tokens of one sequence within a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Request of the sequence.
    pub request: RequestId,
    /// Sequence of the machine.
    pub seq: SeqId,
    /// Position of the first token in the sequence.
    pub position: u32,
    /// Index of the first token in [`Batch::tokens`].
    pub start: usize,
    /// Number of tokens; at least 1.
    pub len: usize,
    /// Whether a token is sampled after the last one.
    pub sample: bool,
}

/// Rows of one step: at most one per sequence, ascending in sequence id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Tokens of all rows, concatenated.
    pub tokens: Vec<Token>,
    /// Rows in ascending order of sequence id.
    pub rows: Vec<Row>,
}

impl Batch {
    /// Whether the batch has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Tokens of `row`.
    pub fn tokens_of(&self, row: &Row) -> &[Token] {
        &self.tokens[row.start..row.start + row.len]
    }

    /// Rows after which a token is sampled, in the order of the machine's results.
    pub fn sampling_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.sample)
    }

    pub(crate) fn push(
        &mut self,
        request: RequestId,
        seq: SeqId,
        position: u32,
        tokens: &[Token],
        sample: bool,
    ) {
        let start = self.tokens.len();
        self.tokens.extend_from_slice(tokens);
        self.rows.push(Row { request, seq, position, start, len: tokens.len(), sample });
    }
}
