//! Encoder interface: computes batches of inputs.

use std::time::Duration;

use harmonic_batching::Token;

use crate::embedding_run::Vectors;
use crate::engine::Allocation;
use crate::machine::MachineError;

/// An embedding model, owned by one thread. It retains nothing between batches.
pub trait Encoder {
    /// Allocated memory.
    fn allocation(&self) -> Allocation;

    /// Tokens of one batch, at most; no input is longer.
    fn batch_tokens(&self) -> usize;

    /// Inputs of one batch, at most.
    fn batch_inputs(&self) -> usize;

    /// Computes one vector per input, in order. No input is empty, and each token is in the
    /// vocabulary.
    ///
    /// # Errors
    /// [`MachineError`] if the computation fails; the encoder is then unusable.
    fn encode(&mut self, inputs: &[&[Token]]) -> Result<Encoded, MachineError>;
}

/// Result of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// One per input, in order.
    pub vectors: Vectors,
    /// Simulated duration; zero for real encoders.
    pub simulated_time: Duration,
}
