//! The batching state machine: add requests, step, commit.

mod batch_filling;
mod compaction;
mod room;
mod sharing;
mod snapshots;

use std::collections::BTreeMap;
use std::time::Duration;

use harmonic_admission::Tick;
use harmonic_types::{Bytes, FinishReason, KvLayout, RequestId};

use crate::config::BatchingConfig;
use crate::copy_costs::{CopyCosts, CopyVolume};
use crate::ids::{SeqId, SnapshotId};
use crate::prefill_budget::PrefillBudget;
use crate::prefix_cache::PrefixCache;
use crate::prompt::Prompt;
use crate::retained::RetainedSequences;
use crate::sequence::{Preempted, Sequence};
use crate::step::{CacheOp, Finished, Placed, Sampled, Step, StepResult};

/// Batching state of one engine.
///
/// [`harmonic_admission::Admission`] decides which requests run, through
/// [`harmonic_admission::Room`].
#[derive(Debug)]
pub struct Batching {
    config: BatchingConfig,
    waiting: BTreeMap<RequestId, Prompt>,
    live: BTreeMap<SeqId, Sequence>,
    preempted: BTreeMap<RequestId, Preempted>,
    retained: RetainedSequences,
    prefix_cache: PrefixCache,
    budget: PrefillBudget,
    copy_costs: CopyCosts,
    /// Bytes copied by the operations in [`Self::cache`].
    copied: CopyVolume,
    /// Bytes copied by the step under way, and the time measured for it.
    copying: (CopyVolume, Duration),
    /// Largest observed snapshot size per token.
    token_bytes: Bytes,
    kv_reserved: u64,
    /// Number of requests started so far.
    start_count: u64,
    next_snapshot: u64,
    /// Consecutive steps with gaps between the live sequence ids.
    gapped: u32,
    /// Operations since the last step.
    cache: Vec<CacheOp>,
    placed: Vec<Placed>,
    moved: Vec<Placed>,
    finished: Vec<Finished>,
}

impl Batching {
    /// A batching state without requests.
    pub fn new(config: BatchingConfig) -> Self {
        Self {
            waiting: BTreeMap::new(),
            live: BTreeMap::new(),
            preempted: BTreeMap::new(),
            retained: RetainedSequences::default(),
            prefix_cache: PrefixCache::new(config.prefix_bytes, config.partial_removal),
            budget: PrefillBudget::new(config.step_time),
            copy_costs: CopyCosts::default(),
            copied: CopyVolume::default(),
            copying: Default::default(),
            token_bytes: config.token_bytes,
            kv_reserved: 0,
            start_count: 0,
            next_snapshot: 0,
            gapped: 0,
            cache: Vec::new(),
            placed: Vec::new(),
            moved: Vec::new(),
            finished: Vec::new(),
            config,
        }
    }

    /// Configuration in force.
    pub fn config(&self) -> &BatchingConfig {
        &self.config
    }

    /// Adds a request, which waits until its room is reserved. The prompt must not be empty and its
    /// reservation must fit [`BatchingConfig::sequence_cells`]; a larger one would wait for ever.
    pub fn add(&mut self, id: RequestId, prompt: Prompt) {
        self.waiting.insert(id, prompt);
    }

    /// Removes a waiting request that admission rejected, without reporting it finished.
    pub fn forget(&mut self, id: RequestId) {
        self.waiting.remove(&id);
    }

    /// Decides the next step: cache operations and batch. Prefill is ordered by `rank` of the
    /// running requests, lowest first, then by order of start.
    #[must_use = "a step that is not committed loses its tokens"]
    pub fn step(&mut self, now: Tick, rank: impl Fn(RequestId) -> i128) -> Step {
        self.compact();
        let batch = self.fill_batch(rank);
        self.copying = (std::mem::take(&mut self.copied), Duration::ZERO);
        Step {
            begun: now,
            placed: std::mem::take(&mut self.placed),
            moved: std::mem::take(&mut self.moved),
            finished: std::mem::take(&mut self.finished),
            cache: std::mem::take(&mut self.cache),
            batch,
        }
    }

    /// Records the time taken by the step's cache operations, before the commit, to learn the cost
    /// of copies.
    pub fn observe_cache_time(&mut self, took: Duration) {
        self.copying.1 = took;
        self.copy_costs.observe(self.copying.0, took);
    }

    /// Records the time taken to save and restore the given number of bytes.
    pub fn observe_copies(&mut self, saved: Bytes, restored: Bytes, took: Duration) {
        self.copy_costs.observe(CopyVolume { saved, restored }, took);
    }

    /// Commits the result of `step`, available at `now`; returns the completed requests, which the
    /// caller must release. Consumes the step, so that it is committed once. Sequences released in
    /// between are skipped.
    #[expect(clippy::needless_pass_by_value, reason = "consumed, so that it is committed once")]
    #[must_use = "a completed request holds its room until it is released"]
    pub fn commit(&mut self, now: Tick, step: Step, result: StepResult) -> Vec<RequestId> {
        for (snapshot, bytes) in result.saved {
            self.record_size(snapshot, bytes);
        }
        self.observe(&step, now);
        let mut complete = Vec::new();
        let mut sampled = result.sampled.into_iter().peekable();
        for row in &step.batch.rows {
            let sampled = sampled.next_if(|sampled| row.sample && sampled.id == row.request);
            let Some(sequence) =
                self.live.get_mut(&row.seq).filter(|sequence| sequence.id == row.request)
            else {
                continue;
            };
            match sampled {
                Some(sampled) => sequence.accept(sampled.token, sampled.stop),
                // A sequence that only warms the cache ends with its prompt; for any other the
                // token is deferred.
                None if sequence.pending().is_empty() && !sequence.generates() => {
                    sequence.complete = Some(FinishReason::Length);
                }
                None => {}
            }
            if sequence.complete.is_some() {
                complete.push(row.request);
            }
            self.save_system_prompt(row.seq);
            self.save_at_stop(row.seq);
        }
        complete
    }

    /// Running requests whose rows were computed and whose token is not sampled yet. They are left
    /// out of batches until [`Self::sampled_deferred`].
    pub fn awaiting_sampling(&self) -> Vec<RequestId> {
        let awaiting_sampling = self.live.values().filter(|sequence| sequence.awaits_sampling());
        awaiting_sampling.map(|sequence| sequence.id).collect()
    }

    /// Accepts a deferred token; whether it completes the answer, so that the request has to be
    /// released. Ignored for finished and preempted requests.
    #[must_use = "a completed request holds its room until it is released"]
    pub fn sampled_deferred(&mut self, sampled: Sampled) -> bool {
        let mut live = self.live.values_mut();
        let Some(sequence) =
            live.find(|sequence| sequence.id == sampled.id && sequence.awaits_sampling())
        else {
            return false;
        };
        sequence.accept(sampled.token, sampled.stop);
        sequence.complete.is_some()
    }

    /// Whether no request runs and no finished request is still to be reported.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty() && self.finished.is_empty()
    }

    /// Whether a running request has no first token yet.
    pub fn is_prefilling(&self, id: RequestId) -> bool {
        self.find_live(id).is_some_and(|(_, sequence)| !sequence.is_decoding())
    }

    /// Reserved KV tokens.
    pub fn kv_reserved(&self) -> u64 {
        self.kv_reserved
    }

    /// Bytes of the prefix cache; estimated for snapshots not saved yet.
    pub fn prefix_cache_bytes(&self) -> Bytes {
        self.prefix_cache.held()
    }

    fn find_live(&self, id: RequestId) -> Option<(SeqId, &Sequence)> {
        let mut live = self.live.iter();
        live.find(|(_, sequence)| sequence.id == id).map(|(seq, sequence)| (*seq, sequence))
    }

    /// Updates the estimates of decode and prefill time from a step.
    fn observe(&mut self, step: &Step, now: Tick) {
        let (mut decoding, mut prefill) = (0, 0);
        for row in &step.batch.rows {
            if row.len == 1 && row.sample {
                decoding += 1;
            } else {
                prefill += u32::try_from(row.len).unwrap_or(u32::MAX);
            }
        }
        let (_, copying) = self.copying;
        // Unmeasured copies in the cache would count as decoding.
        if prefill > 0 || step.cache.is_empty() || copying > Duration::ZERO {
            self.budget.observe(decoding, prefill, now.since(step.begun).saturating_sub(copying));
        }
    }

    /// Ends a sequence. In the streams layout its tokens are retained until the sequence is needed.
    fn end(&mut self, seq: SeqId) {
        let Some(sequence) = self.live.remove(&seq) else { return };
        self.kv_reserved -= sequence.reserved;
        let reason = sequence.complete.unwrap_or(FinishReason::Cancelled);
        let (id, usage) = (sequence.id, sequence.usage());
        self.finished.push(Finished { id, seq: Some(seq), reason, usage });
        let held = sequence.held();
        if self.config.kv_layout == KvLayout::Streams && self.prefix_cache.enabled() {
            self.retained.retain(seq, held.to_vec());
        } else {
            self.save_conversation(seq, held);
            self.cache.push(CacheOp::Drop { seq });
        }
    }

    /// Empties the idle sequence `seq`, saving what it retained if worthwhile.
    fn evict(&mut self, seq: SeqId) {
        if let Some(tokens) = self.retained.take(seq) {
            self.save_conversation(seq, &tokens);
            self.cache.push(CacheOp::Drop { seq });
        }
    }

    /// Lowest sequence id not in use: llama.cpp computes consecutive ids in one pass
    /// (`docs/sources.md#consecutive-sequences`).
    fn lowest_free(&self) -> SeqId {
        let taken = self.live.keys().zip(0..).take_while(|(seq, next)| seq.0 == *next);
        SeqId(u32::try_from(taken.count()).unwrap_or(u32::MAX))
    }

    fn new_snapshot(&mut self) -> SnapshotId {
        let id = SnapshotId(self.next_snapshot);
        self.next_snapshot += 1;
        id
    }
}
