//! Snapshots saved for reuse as prefixes, and the criteria for reusing them.

use harmonic_types::{Bytes, KvLayout};

use super::Batching;
use crate::copy_costs::{CopyVolume, CostRates};
use crate::ids::{SeqId, SnapshotId, Token};
use crate::prefix_cache::{Kind, ReuseCriteria};
use crate::sequence::{Sequence, token_count};

/// Minimum tokens that a snapshot of a conversation must save: copying a sequence costs about as
/// much as computing ten tokens (`docs/sources.md#copies-of-a-sequence`), and most conversations
/// are never continued.
const MIN_SNAPSHOT_TOKENS: u32 = 256;

impl Batching {
    /// Records the actual size of a snapshot.
    pub(super) fn record_size(&mut self, id: SnapshotId, bytes: Bytes) {
        let mut preempted = self.preempted.values().filter(|other| other.snapshot == id);
        let tokens = preempted.next().map(|preempted| preempted.sequence.computed);
        if let Some(tokens) = tokens.or_else(|| self.prefix_cache.tokens_of(id)) {
            let per_token = Bytes(bytes.0.div_ceil(u64::from(tokens.max(1))));
            self.token_bytes = self.token_bytes.max(per_token);
        }
        let discarded = self.prefix_cache.record_size(id, bytes);
        self.cache.extend(discarded);
    }

    /// Saves the shared prefix when a sequence holds exactly that, unless it is saved already.
    pub(super) fn save_system_prompt(&mut self, seq: SeqId) {
        let Some(sequence) = self.live.get(&seq) else { return };
        if self.needs_saving(sequence) && sequence.computed == sequence.shared_prefix {
            let tokens = sequence.held().to_vec();
            self.save_snapshot(Kind::System, seq, &tokens);
        }
    }

    /// Whether the system prompt at the start of a sequence still has to be saved.
    pub(super) fn needs_saving(&self, sequence: &Sequence) -> bool {
        let prefix = &sequence.tokens[..sequence.shared_prefix as usize];
        !prefix.is_empty()
            && self.prefix_cache.fits(self.bytes_of(prefix))
            && self.prefix_cache.enabled()
            && !self.prefix_cache.holds(prefix)
    }

    /// Saves a conversation whose sequence is about to be emptied, if it is worth a snapshot.
    pub(super) fn save_conversation(&mut self, seq: SeqId, tokens: &[Token]) {
        let criteria = ReuseCriteria { rates: self.rates(), room: self.config.sequence_cells() };
        let beyond = token_count(tokens).saturating_sub(self.prefix_cache.covers(tokens, criteria));
        let copied = CopyVolume::across(self.bytes_of(tokens));
        let is_long = beyond >= MIN_SNAPSHOT_TOKENS || self.is_wanted(tokens);
        if is_long && criteria.rates.saved_s(beyond, copied) > 0.0 {
            self.save_snapshot(Kind::Conversation, seq, tokens);
        }
    }

    /// Current cost estimates of copying and computing.
    pub(super) fn rates(&self) -> CostRates {
        self.copy_costs.rates(self.budget.token_s())
    }

    /// Criteria for restoring a snapshot into an empty sequence. In the unified layout, the whole
    /// snapshot must fit beside the other sequences, even if most of it is removed right after.
    pub(super) fn criteria(&self) -> ReuseCriteria {
        let held = match self.config.kv_layout {
            KvLayout::Streams => 0,
            KvLayout::Unified => self.live.values().map(|other| u64::from(other.computed)).sum(),
        };
        let room = self.config.sequence_cells().saturating_sub(held);
        ReuseCriteria { rates: self.rates(), room }
    }

    /// Saves `seq`, which holds `tokens`, to the prefix cache if it fits.
    pub(super) fn save_snapshot(&mut self, kind: Kind, seq: SeqId, tokens: &[Token]) {
        let id = self.new_snapshot();
        let bytes = self.bytes_of(tokens);
        let ops = self.prefix_cache.save(id, kind, seq, tokens, bytes);
        if !ops.is_empty() {
            self.copied += CopyVolume::saving(bytes);
        }
        self.cache.extend(ops);
    }

    /// Estimated size of a snapshot of `tokens`.
    pub(super) fn bytes_of(&self, tokens: &[Token]) -> Bytes {
        self.bytes_for(tokens.len() as u64)
    }

    /// Estimated size of snapshots of `tokens` tokens.
    pub(super) fn bytes_for(&self, tokens: u64) -> Bytes {
        Bytes(self.token_bytes.0.saturating_mul(tokens))
    }
}
