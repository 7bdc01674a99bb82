//! What a scheduler is told once, by the plan.

use std::time::Duration;

use harmonic_types::{AgentName, Bytes, KvLayout, Tier, Tokens};

/// One agent's rights on an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentShare {
    /// The agent.
    pub name: AgentName,
    /// Its priority.
    pub tier: Tier,
    /// Guaranteed slots.
    pub slots: u32,
    /// Most tokens a sequence of it may hold, prompt and answer together.
    pub context: Tokens,
}

/// The limits of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedConfig {
    /// Agents served; a [`crate::Job`] names one by its index here.
    pub agents: Vec<AgentShare>,
    /// Sequences of the machine.
    pub sequences: u32,
    /// Cells of the KV cache.
    pub kv_tokens: u64,
    /// Layout of the KV cache. In streams, a finished sequence may stay where it is until its
    /// place is needed, and gaps between sequence ids cost passes.
    pub kv_layout: KvLayout,
    /// Bytes of a snapshot per token; a first estimate, replaced by what snapshots turn out to be.
    pub token_bytes: Bytes,
    /// Whether the machine can trim a sequence ([`crate::CacheOp::Trim`]).
    pub trims: bool,
    /// Most sequences in flight; at most `sequences` take effect.
    pub max_in_flight: u32,
    /// Sequences that the agents may have by right, all together: fewer than `max_in_flight` where
    /// engines share a device ([`crate::Device`]).
    pub guaranteed: u32,
    /// Most tokens in one batch.
    pub batch_tokens: u32,
    /// How long a step may take while anyone decodes: bounds how long a prompt can hold up the
    /// streams. Prefill gets the time that decoding leaves of it, and at least as much as that.
    pub step_time: Duration,
    /// Most requests that wait per agent.
    pub queue_limit: u32,
    /// What a refused client is told to wait.
    pub retry_after: Duration,
    /// A request that waits this long counts as one tier higher, so that nobody starves.
    pub ageing: Duration,
    /// Most bytes of prefix snapshots; 0 turns the prefix cache off.
    pub prefix_bytes: Bytes,
    /// Most bytes of parked sequences; slots are lent only while the borrowers could all be parked
    /// within it, so 0 turns lending off.
    pub park_bytes: Bytes,
}

impl SchedConfig {
    /// Cells that one sequence can have: those of its stream, or of the whole pool.
    pub fn sequence_cells(&self) -> u64 {
        match self.kv_layout {
            KvLayout::Streams => self.kv_tokens / u64::from(self.sequences.max(1)),
            KvLayout::Unified => self.kv_tokens,
        }
    }

    /// Most requests that wait per agent, unless somebody says otherwise.
    pub const QUEUE_LIMIT: u32 = 256;

    /// Limits for `agents` on a machine of `sequences` sequences and `kv_tokens` cells, with the
    /// usual values for the rest.
    pub fn new(agents: Vec<AgentShare>, sequences: u32, kv_tokens: u64) -> Self {
        Self {
            agents,
            sequences,
            kv_tokens,
            kv_layout: KvLayout::Streams,
            token_bytes: Bytes(64 << 10),
            trims: true,
            max_in_flight: sequences,
            guaranteed: sequences,
            batch_tokens: 512,
            step_time: Duration::from_millis(700),
            queue_limit: Self::QUEUE_LIMIT,
            retry_after: Duration::from_secs(2),
            ageing: Duration::from_secs(10),
            prefix_bytes: Bytes(256 << 20),
            park_bytes: Bytes(1 << 30),
        }
    }
}
