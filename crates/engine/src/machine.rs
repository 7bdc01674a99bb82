//! What one scheduler step runs on.

use std::time::Duration;

use harmonic_batching::{Batch, CacheOp};
use harmonic_types::Bytes;

use crate::engine::Allocation;
use crate::sampling::{SampleResult, Samplers};

/// A model with its KV cache. One thread owns it.
pub trait Machine {
    /// Memory as really allocated.
    fn allocation(&self) -> Allocation;

    /// Whether [`CacheOp::Trim`] is possible: every layer keeps every token. A sliding window or a
    /// recurrent state has forgotten what a shorter sequence would need.
    fn supports_partial_removal(&self) -> bool;

    /// Changes the KV cache. Returns the size of the snapshot for [`CacheOp::Save`], else zero.
    ///
    /// # Errors
    /// When the cache is not in a state in which `op` makes sense; the machine is then unusable.
    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError>;

    /// Computes `batch` and samples one token for each of its sampling rows, in order, with the
    /// sampler of the row's sequence, which may be late with it.
    ///
    /// # Errors
    /// When the computation fails; the machine is then unusable.
    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError>;
}

/// What a step yields.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One per sampling row, in order.
    pub samples: Vec<SampleResult>,
    /// Time that the step would have taken, for machines that only pretend; zero for those that
    /// really took it.
    pub simulated_time: Duration,
}

/// Why a machine cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// The engine under it refused.
    #[error("{action} failed: {reason}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// What it said.
        reason: String,
    },
    /// Every logit is NaN: the weights are damaged or the computation overflowed.
    #[error("the model returned no usable logits: its file may be damaged; pull it again")]
    NoLogits,
}
