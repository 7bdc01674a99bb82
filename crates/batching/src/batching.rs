//! The state machine: add requests, step, commit.

mod batch_filling;
mod compaction;
mod room;
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
use crate::step::{CacheOp, Finished, Sampled, Started, Step, StepResult};

/// The batching of one engine.
///
/// Which of its requests run is decided by [`harmonic_admission::Admission`], through
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
    /// What the operations of [`Self::cache`] copy.
    copied: CopyVolume,
    /// What the step under way copies, and what that took.
    copying: (CopyVolume, Duration),
    /// Bytes of a snapshot per token, the most that was seen.
    token_bytes: Bytes,
    kv_reserved: u64,
    /// Requests that were started so far.
    start_count: u64,
    next_snapshot: u64,
    /// Steps in a row in which the live sequence ids had gaps.
    gapped: u32,
    /// Since the last step.
    cache: Vec<CacheOp>,
    started: Vec<Started>,
    finished: Vec<Finished>,
}

impl Batching {
    /// A state without requests.
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
            started: Vec::new(),
            finished: Vec::new(),
            config,
        }
    }

    /// The limits in force.
    pub fn config(&self) -> &BatchingConfig {
        &self.config
    }

    /// Takes a request, which waits until its room is reserved. Its prompt is not empty and its
    /// reservation fits [`BatchingConfig::sequence_cells`]; a larger one would wait for ever.
    pub fn add(&mut self, id: RequestId, prompt: Prompt) {
        self.waiting.insert(id, prompt);
    }

    /// Forgets a waiting request that was not accepted after all; nothing is said of its end.
    pub fn forget(&mut self, id: RequestId) {
        self.waiting.remove(&id);
    }

    /// Decides the next step: what happens in the cache, and what is computed. Prefill goes by
    /// `rank` of the running requests, the least first, then in the order of their start_count.
    #[must_use = "a step that is not committed loses its tokens"]
    pub fn step(&mut self, now: Tick, rank: impl Fn(RequestId) -> i128) -> Step {
        self.compact();
        let batch = self.fill_batch(rank);
        self.copying = (std::mem::take(&mut self.copied), Duration::ZERO);
        Step {
            begun: now,
            started: std::mem::take(&mut self.started),
            finished: std::mem::take(&mut self.finished),
            cache: std::mem::take(&mut self.cache),
            batch,
        }
    }

    /// Takes the time of the step's cache operations, before the commit: it tells what copies are
    /// worth.
    pub fn observe_cache_time(&mut self, took: Duration) {
        self.copying.1 = took;
        self.copy_costs.observe(self.copying.0, took);
    }

    /// Teaches what it takes to save and to restore so many bytes.
    pub fn observe_copies(&mut self, saved: Bytes, restored: Bytes, took: Duration) {
        self.copy_costs.observe(CopyVolume { saved, restored }, took);
    }

    /// Takes the step back with its result, at the time when that was there; gives the requests
    /// whose answer is complete, which are to be released. Consumes the step, so none is committed
    /// twice. Sequences that were released in between are passed over.
    #[expect(clippy::needless_pass_by_value, reason = "consumed, so that it is committed once")]
    #[must_use = "what is complete holds its room until it is released"]
    pub fn commit(&mut self, now: Tick, step: Step, done: StepResult) -> Vec<RequestId> {
        for (snapshot, bytes) in done.saved {
            self.book(snapshot, bytes);
        }
        self.observe(&step, now);
        let mut complete = Vec::new();
        let mut sampled = done.sampled.into_iter().peekable();
        for row in &step.batch.rows {
            let sampled = sampled.next_if(|sampled| row.sample && sampled.id == row.request);
            let Some(sequence) =
                self.live.get_mut(&row.seq).filter(|sequence| sequence.id == row.request)
            else {
                continue;
            };
            match sampled {
                Some(sampled) => sequence.accept(sampled.token, sampled.stop),
                // A sequence that only warms the cache ends with its prompt; any other is owed its
                // token.
                None if sequence.pending().is_empty() && !sequence.generates() => {
                    sequence.complete = Some(FinishReason::Length);
                }
                None => {}
            }
            if sequence.complete.is_some() {
                complete.push(row.request);
            }
            self.save_system_prompt(row.seq);
        }
        complete
    }

    /// Running requests whose rows were computed and whose token is not sampled yet. They sit out
    /// the steps until [`Self::sampled_deferred`].
    pub fn awaiting_sampling(&self) -> Vec<RequestId> {
        let awaiting_sampling = self.live.values().filter(|sequence| sequence.awaits_sampling());
        awaiting_sampling.map(|sequence| sequence.id).collect()
    }

    /// Takes a token that was late; whether the answer is complete with it, so that its request is
    /// to be released. Of a request that is over or preempted it is passed over.
    #[must_use = "what is complete holds its room until it is released"]
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

    /// Whether no request runs and no end is still to be reported.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty() && self.finished.is_empty()
    }

    /// Whether a running request still waits for its first token.
    pub fn is_prefilling(&self, id: RequestId) -> bool {
        self.find_live(id).is_some_and(|(_, sequence)| !sequence.is_decoding())
    }

    /// KV tokens that are reserved.
    pub fn kv_reserved(&self) -> u64 {
        self.kv_reserved
    }

    /// Bytes of the prefix cache, as far as their sizes are known.
    pub fn prefix_cache_bytes(&self) -> Bytes {
        self.prefix_cache.held()
    }

    fn find_live(&self, id: RequestId) -> Option<(SeqId, &Sequence)> {
        let mut live = self.live.iter();
        live.find(|(_, sequence)| sequence.id == id).map(|(seq, sequence)| (*seq, sequence))
    }

    /// Learns from a step how long decoding and prefill take.
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
        // CopyCosts in the cache would count as decoding.
        if prefill > 0 || step.cache.is_empty() || copying > Duration::ZERO {
            self.budget.observe(decoding, prefill, now.since(step.begun).saturating_sub(copying));
        }
    }

    /// Ends a sequence. In streams its tokens stay until the place is needed.
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

    /// Empties `seq`, in which no sequence runs.
    fn evict(&mut self, seq: SeqId) {
        if let Some(tokens) = self.retained.take(seq) {
            self.save_conversation(seq, &tokens);
            self.cache.push(CacheOp::Drop { seq });
        }
    }

    /// The lowest id that no live sequence has: llama.cpp batches consecutive ids in one pass
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
