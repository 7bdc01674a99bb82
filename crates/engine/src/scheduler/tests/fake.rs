//! Fake machine that stores tokens instead of keys and values, so that every row can be checked
//! against the expected cache of its request, with an independent record of all requests.

use std::collections::{BTreeMap, BTreeSet};

use harmonic_types::{
    AgentName, Bytes, FinishReason, KvLayout, RequestClass, RequestId, Tier, Tokens,
};

use crate::scheduler::{Change, Grant, Job, ScheduledAgent, Scheduler, SchedulerConfig, Step};
use harmonic_admission::Tick;
use harmonic_batching::{Batch, CacheOp, Sampled, SeqId, SnapshotId, StepResult, Token};

/// Snapshot size per token, in bytes.
pub(super) const TOKEN_BYTES: u64 = 10;

pub(super) fn share(name: &str, tier: Tier, slots: u32, context: u32) -> ScheduledAgent {
    let context = Tokens(context);
    ScheduledAgent { name: AgentName::from(name), tier, slots, context, larger: None }
}

/// Limits for tests: snapshots of [`TOKEN_BYTES`] per token.
pub(super) fn config(
    agents: Vec<ScheduledAgent>,
    sequences: u32,
    kv_tokens: u64,
) -> SchedulerConfig {
    SchedulerConfig {
        token_bytes: Bytes(TOKEN_BYTES),
        prefix_bytes: Bytes(1 << 20),
        preempted_bytes: Bytes(1 << 20),
        ..SchedulerConfig::new(agents, sequences, kv_tokens)
    }
}

/// A prompt without a common prefix with that of another id.
pub(super) fn job(id: u64, agent: usize, prompt: usize, max_output: u32) -> Job {
    let first = i32::try_from(id).expect("small") * 1000 + 1_000_000;
    let prompt = (0..prompt).map(|at| Token(first + i32::try_from(at).expect("small"))).collect();
    let class = RequestClass::Interactive;
    Job { id: RequestId(id), agent, class, prompt, shared_prefix: 0, max_output }
}

/// The scheduler under test with its machine and record.
pub(super) struct Fake {
    pub(super) scheduler: Scheduler,
    pub(super) now: Tick,
    sequences: BTreeMap<SeqId, Vec<Token>>,
    snapshots: BTreeMap<SnapshotId, Vec<Token>>,
    /// Prompt and generated tokens of every accepted request.
    requests: BTreeMap<RequestId, Vec<Token>>,
    /// Where requests run, as the changes of the steps say.
    running: BTreeMap<RequestId, SeqId>,
    granted: BTreeSet<RequestId>,
    pub(super) finished: BTreeMap<RequestId, FinishReason>,
    pub(super) accepted: u64,
    next_token: i32,
    /// Defers every n-th sampled token until before the step after the next.
    pub(super) deferred_of: Option<i32>,
}

impl Fake {
    pub(super) fn new(config: SchedulerConfig) -> Self {
        Self {
            scheduler: Scheduler::new(config),
            now: Tick(0),
            sequences: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            requests: BTreeMap::new(),
            running: BTreeMap::new(),
            granted: BTreeSet::new(),
            finished: BTreeMap::new(),
            accepted: 0,
            next_token: -1,
            deferred_of: None,
        }
    }

    /// Offers a job; whether it was accepted.
    pub(super) fn offer(&mut self, job: Job) -> bool {
        let (id, prompt) = (job.id, job.prompt.clone());
        let accepted = self.scheduler.offer(self.now, job).is_ok();
        if accepted {
            self.requests.insert(id, prompt);
            self.accepted += 1;
        }
        accepted
    }

    /// Reports to the scheduler that copying a gigabyte in either direction takes `took`.
    pub(super) fn copies_take(&mut self, took: std::time::Duration) {
        let gigabyte = Bytes(1_000_000_000);
        for _ in 0..30 {
            self.scheduler.batching.observe_copies(gigabyte, gigabyte, took);
        }
    }

    /// Prompt and generated tokens of a request.
    pub(super) fn tokens_of(&self, id: u64) -> Vec<Token> {
        self.requests[&RequestId(id)].clone()
    }

    /// A step in which no answer ends by itself.
    pub(super) fn step(&mut self) -> Step {
        self.step_with(|_| false, |_| {})
    }

    /// A step in which answers end if `stops`; `between` runs while the machine computes.
    pub(super) fn step_with(
        &mut self,
        stops: impl Fn(RequestId) -> bool,
        between: impl FnOnce(&mut Scheduler),
    ) -> Step {
        let awaiting_sampling = self.scheduler.awaiting_sampling();
        let step = self.scheduler.step(self.now);
        let shown = Step {
            begun: step.begun,
            changes: step.changes.clone(),
            finished: step.finished.clone(),
            cache: step.cache.clone(),
            batch: step.batch.clone(),
        };
        self.see(&step);
        let saved = self.apply(&step.cache);
        self.compute(&step.batch);
        between(&mut self.scheduler);
        let mut sampled = Vec::new();
        for row in step.batch.sampling_rows() {
            let id = row.request;
            assert!(!awaiting_sampling.contains(&id), "a deferred request is left out");
            let token = self.draw();
            if self.deferred_of.is_none_or(|of| token.0 % of != 0) {
                self.requests.get_mut(&id).expect("accepted").push(token);
                sampled.push(Sampled { id, token, stop: stops(id) });
            }
        }
        self.now = Tick(self.now.0 + 1_000_000);
        self.scheduler.commit(self.now, step, StepResult { sampled, saved });
        for id in awaiting_sampling {
            let token = self.draw();
            // It may have been cancelled or preempted meanwhile.
            if self.scheduler.awaiting_sampling().contains(&id) {
                self.requests.get_mut(&id).expect("accepted").push(token);
                self.scheduler.sampled_deferred(Sampled { id, token, stop: stops(id) });
            }
        }
        shown
    }

    fn draw(&mut self) -> Token {
        self.next_token -= 1;
        Token(self.next_token + 1)
    }

    fn see(&mut self, step: &Step) {
        for finished in &step.finished {
            assert!(self.requests.remove(&finished.id).is_some(), "only accepted requests end");
            assert!(self.finished.insert(finished.id, finished.reason).is_none(), "it ends once");
            self.running.remove(&finished.id);
            self.granted.remove(&finished.id);
        }
        for change in &step.changes {
            match *change {
                Change::Start(Grant { id, seq, .. }) => {
                    assert!(self.granted.insert(id), "granted once");
                    assert!(self.running.insert(id, seq).is_none());
                }
                Change::Preempt { id } => assert!(self.running.remove(&id).is_some(), "it ran"),
                Change::Resume { id, seq, .. } => {
                    assert!(self.running.insert(id, seq).is_none(), "it was preempted");
                }
                Change::Move { id, seq } => {
                    assert!(self.running.insert(id, seq).is_some(), "it ran");
                }
            }
        }
    }

    fn apply(&mut self, ops: &[CacheOp]) -> Vec<(SnapshotId, Bytes)> {
        let mut saved = Vec::new();
        for op in ops {
            match *op {
                CacheOp::Drop { seq } => self.cells(seq).clear(),
                CacheOp::Save { seq, snapshot } => {
                    let held = self.cells(seq).clone();
                    saved.push((snapshot, Bytes(held.len() as u64 * TOKEN_BYTES)));
                    assert!(self.snapshots.insert(snapshot, held).is_none());
                }
                CacheOp::Restore { snapshot, seq } => {
                    assert!(self.cells(seq).is_empty(), "only an empty sequence is restored into");
                    let held = self.snapshots[&snapshot].clone();
                    *self.cells(seq) = held;
                    self.fits();
                }
                CacheOp::Trim { seq, keep } => {
                    assert!(self.scheduler.config().partial_removal);
                    assert!(keep as usize <= self.cells(seq).len());
                    self.cells(seq).truncate(keep as usize);
                }
                CacheOp::Share { from, to, tokens } => {
                    assert_eq!(self.scheduler.config().kv_layout, KvLayout::Unified);
                    assert!(self.cells(to).is_empty(), "only an empty sequence shares");
                    let held = self.cells(from)[..tokens as usize].to_vec();
                    *self.cells(to) = held;
                    self.fits();
                }
                CacheOp::Move { from, to } => {
                    assert!(self.cells(to).is_empty(), "only an empty sequence is moved into");
                    let held = std::mem::take(self.cells(from));
                    self.within_the_ledger(held.len());
                    *self.cells(to) = held;
                }
                CacheOp::Discard { snapshot } => {
                    assert!(self.snapshots.remove(&snapshot).is_some());
                }
            }
        }
        self.within_the_ledger(0);
        saved
    }

    /// Snapshots and a temporary copy of `more` tokens fit their budget.
    fn within_the_ledger(&self, more: usize) {
        let config = self.scheduler.config();
        let tokens = self.snapshots.values().map(Vec::len).sum::<usize>() + more;
        let bytes = Bytes(tokens as u64 * TOKEN_BYTES);
        assert!(bytes <= config.prefix_bytes + config.preempted_bytes, "{bytes}");
    }

    /// All tokens of the sequences fit the cells.
    fn fits(&self) {
        let config = self.scheduler.config();
        let mut held = self.sequences.values().map(|cells| cells.len() as u64);
        match config.kv_layout {
            KvLayout::Streams => {
                let each = config.kv_tokens / u64::from(config.sequences);
                assert!(held.all(|held| held <= each), "more than {each} cells");
            }
            KvLayout::Unified => {
                let held: u64 = held.sum();
                assert!(held <= config.kv_tokens, "{held} cells");
            }
        }
    }

    fn compute(&mut self, batch: &Batch) {
        let config = self.scheduler.config().clone();
        assert!(batch.rows.len() <= config.max_in_flight as usize);
        assert!(batch.tokens.len() <= config.batch_tokens as usize);
        assert!(batch.rows.is_sorted_by(|one, other| one.seq < other.seq));
        for row in &batch.rows {
            let expected = &self.requests[&row.request];
            assert!(row.seq.0 < config.sequences);
            assert_eq!(self.running[&row.request], row.seq, "it runs where the changes say");
            let cells = self.sequences.entry(row.seq).or_default();
            assert_eq!(cells.len(), row.position as usize, "positions are contiguous");
            cells.extend(batch.tokens_of(row));
            assert!(expected.starts_with(cells), "a sequence holds its own request, and only that");
            assert!(!row.sample || cells.len() == expected.len());
        }
        self.fits();
    }

    fn cells(&mut self, seq: SeqId) -> &mut Vec<Token> {
        self.sequences.entry(seq).or_default()
    }

    /// Steps until nothing is left, and checks that nothing leaked.
    pub(super) fn run_out(&mut self) {
        for _ in 0..20_000 {
            if self.scheduler.is_idle() {
                break;
            }
            self.step();
        }
        assert!(self.scheduler.is_idle(), "no request starves: {:?}", self.scheduler.load());
        assert!(self.requests.is_empty() && self.running.is_empty());
        assert_eq!(self.accepted, self.finished.len() as u64);
        let load = self.scheduler.load();
        assert!(load.iter().all(|load| load.in_flight + load.queued + load.preempted == 0));
        assert_eq!(self.scheduler.batching.kv_reserved(), 0);
        // All remaining snapshots are known to the scheduler: nothing leaked.
        let held: u64 = self.snapshots.values().map(|held| held.len() as u64 * TOKEN_BYTES).sum();
        assert_eq!(Bytes(held), self.scheduler.batching.prefix_cache_bytes());
    }
}

/// Lengths of the rows of a step, by request.
pub(super) fn rows(step: &Step) -> Vec<(u64, usize)> {
    step.batch.rows.iter().map(|row| (row.request.0, row.len)).collect()
}

/// Requests admitted in a step.
pub(super) fn granted(step: &Step) -> Vec<u64> {
    step.granted().map(|grant| grant.id.0).collect()
}
