//! Machine interface: executes scheduler steps.

use std::time::Duration;

use harmonic_batching::{Batch, CacheOp};
use harmonic_types::Bytes;

use crate::engine::Allocation;
use crate::sampling::{SampleResult, Samplers};

/// A model with its KV cache, owned by one thread.
pub trait Machine {
    /// Allocated memory.
    fn allocation(&self) -> Allocation;

    /// Whether [`CacheOp::Trim`] is supported: every layer must keep every token. Sliding windows
    /// and recurrent states have lost what a shorter sequence would need.
    fn supports_partial_removal(&self) -> bool;

    /// Executes a cache operation. Returns the snapshot size for [`CacheOp::Save`], else zero.
    ///
    /// # Errors
    /// [`MachineError`] if `op` is invalid in the current state; the machine is then unusable.
    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError>;

    /// Computes `batch` and samples one token for each sampling row, in order, with the sampler of
    /// the row's request, which may defer it.
    ///
    /// # Errors
    /// [`MachineError`] if the computation fails; the machine is then unusable.
    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError>;
}

/// Result of a step.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One per sampling row, in order.
    pub samples: Vec<SampleResult>,
    /// Simulated duration of the step; zero for real machines.
    pub simulated_time: Duration,
}

/// Failure of a machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// An operation failed.
    #[error("{action} failed: {reason}")]
    Failed {
        /// Failed action.
        action: &'static str,
        /// Cause.
        reason: String,
    },
    /// No logit is a number: damaged weights or an overflow.
    #[error("the model returned no usable logits: its file may be damaged; pull it again")]
    NoLogits,
}
