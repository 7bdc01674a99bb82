//! Steps and results exchanged between batching and the drive loop.

use harmonic_admission::Tick;
use harmonic_types::{Bytes, FinishReason, RequestId, Usage};

use crate::batch::Batch;
use crate::ids::{SeqId, SnapshotId, Token};

/// A request and the sequence that it runs in from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The request.
    pub id: RequestId,
    /// Its sequence.
    pub seq: SeqId,
}

/// A finished request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The request.
    pub id: RequestId,
    /// The sequence it ran in; `None` if it never ran.
    pub seq: Option<SeqId>,
    /// Reason of its end.
    pub reason: FinishReason,
    /// Token counts.
    pub usage: Usage,
}

/// An operation on the KV cache, executed in order before the batch of the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOp {
    /// Remove all tokens of a sequence.
    Drop {
        /// Sequence to empty.
        seq: SeqId,
    },
    /// Save a snapshot of a sequence.
    Save {
        /// Source.
        seq: SeqId,
        /// Id of the new snapshot.
        snapshot: SnapshotId,
    },
    /// Load a snapshot into an empty sequence.
    Restore {
        /// Source.
        snapshot: SnapshotId,
        /// Target; must be empty.
        seq: SeqId,
    },
    /// Remove the tokens of a sequence from position `keep` on. Requires partial removal.
    Trim {
        /// Sequence to shorten.
        seq: SeqId,
        /// Number of tokens to keep.
        keep: u32,
    },
    /// Let an empty sequence hold the cells of the first tokens of another as well. Requires a
    /// unified layout and partial removal.
    Share {
        /// Source.
        from: SeqId,
        /// Target; must be empty.
        to: SeqId,
        /// Number of tokens.
        tokens: u32,
    },
    /// Move the tokens of a sequence to an empty one.
    Move {
        /// Source; empty afterwards.
        from: SeqId,
        /// Target; must be empty.
        to: SeqId,
    },
    /// Delete a snapshot.
    Discard {
        /// Snapshot to delete.
        snapshot: SnapshotId,
    },
}

/// One step: decided by [`crate::Batching::step`], executed by the machine, then passed to
/// [`crate::Batching::commit`].
#[derive(Debug, Default)]
pub struct Step {
    /// Time of the decision.
    pub begun: Tick,
    /// Requests that got a sequence since the last step, the first or after they were preempted: in
    /// the order in which their room was reserved.
    pub placed: Vec<Placed>,
    /// Requests that compaction moved to another sequence in this step.
    pub moved: Vec<Placed>,
    /// Requests that ended since the last step.
    pub finished: Vec<Finished>,
    /// Cache operations to execute first, in order.
    pub cache: Vec<CacheOp>,
    /// Batch to compute then; may be empty.
    pub batch: Batch,
}

/// A sampled token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// Request it belongs to.
    pub id: RequestId,
    /// The token.
    pub token: Token,
    /// Whether it ends the answer (end of turn, or a stop string).
    pub stop: bool,
}

/// Result of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepResult {
    /// Tokens of the sampling rows, in order. A missing one is deferred, see
    /// [`crate::Batching::sampled_deferred`].
    pub sampled: Vec<Sampled>,
    /// Sizes of the saved snapshots.
    pub saved: Vec<(SnapshotId, Bytes)>,
}
