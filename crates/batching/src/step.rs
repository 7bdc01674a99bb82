//! What passes between batching and the loop that drives a machine.

use harmonic_admission::Tick;
use harmonic_types::{Bytes, FinishReason, RequestId, Usage};

use crate::batch::Batch;
use crate::ids::{SeqId, SnapshotId, Token};

/// A request that got a sequence for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// The request.
    pub id: RequestId,
    /// Its sequence.
    pub seq: SeqId,
}

/// A request that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The request.
    pub id: RequestId,
    /// The sequence it ran in; `None` if it never ran.
    pub seq: Option<SeqId>,
    /// Why.
    pub reason: FinishReason,
    /// Its token counts.
    pub usage: Usage,
}

/// A change to the KV cache, done before the batch of the same step, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOp {
    /// Forget all tokens of a sequence.
    Drop {
        /// Which.
        seq: SeqId,
    },
    /// Keep a copy of a sequence as it is now.
    Save {
        /// Which.
        seq: SeqId,
        /// Under what name.
        snapshot: SnapshotId,
    },
    /// Make an empty sequence equal to a snapshot.
    Restore {
        /// What.
        snapshot: SnapshotId,
        /// Into which.
        seq: SeqId,
    },
    /// Forget the tokens of a sequence from position `keep` on. Only on machines that can trim.
    Trim {
        /// Which.
        seq: SeqId,
        /// How many tokens stay.
        keep: u32,
    },
    /// Make an empty sequence equal to another, which becomes empty.
    Move {
        /// Which.
        from: SeqId,
        /// Where to; empty until then.
        to: SeqId,
    },
    /// Forget a snapshot.
    Discard {
        /// Which.
        snapshot: SnapshotId,
    },
}

/// One step: decided by [`crate::Batching::step`], executed by the machine, given back to
/// [`crate::Batching::commit`].
#[derive(Debug, Default)]
pub struct Step {
    /// When it was decided.
    pub begun: Tick,
    /// Requests that got their first sequence since the last step.
    pub started: Vec<Started>,
    /// Requests that ended since the last step.
    pub finished: Vec<Finished>,
    /// To be done first, in order.
    pub cache: Vec<CacheOp>,
    /// To be computed then; may be empty.
    pub batch: Batch,
}

/// A token that the machine sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// For whom.
    pub id: RequestId,
    /// Which.
    pub token: Token,
    /// Whether the answer ends with it (end of turn, or a stop string).
    pub stop: bool,
}

/// What became of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepResult {
    /// Of the sampling rows, in order. One that is missing is owed its token, see
    /// [`crate::Batching::sampled_deferred`].
    pub sampled: Vec<Sampled>,
    /// Size of each snapshot that was saved.
    pub saved: Vec<(SnapshotId, Bytes)>,
}
