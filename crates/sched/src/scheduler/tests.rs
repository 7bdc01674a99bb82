//! Examples of each rule, and the invariants under random traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use harmonic_types::{AgentName, Bytes, FinishReason, Refused, RequestId, Tier, Tokens};
use proptest::prelude::*;

use super::Scheduler;
use crate::{
    AgentShare, CacheOp, Committed, Job, Sampled, SchedConfig, SeqId, SnapshotId, Step, Tick, Token,
};

fn share(name: &str, tier: Tier, slots: u32, context: u32) -> AgentShare {
    AgentShare { name: AgentName::from(name), tier, slots, context: Tokens(context) }
}

fn job(id: u64, agent: usize, prompt: usize, max_output: u32) -> Job {
    let prompt = (0..prompt).map(|i| Token(i32::try_from(i).unwrap())).collect();
    Job { id: RequestId(id), agent, prompt, shared_prefix: 0, max_output }
}

/// Executes a step: every sampling row yields a token that never stops; snapshots take 100 bytes.
fn run(scheduler: &mut Scheduler, step: Step) -> Step {
    let sampled = step
        .batch
        .sampling_rows()
        .map(|row| Sampled { id: row.request, token: Token(7), stop: false })
        .collect();
    let saved = step.cache.iter().filter_map(|op| match op {
        CacheOp::Save { snapshot, .. } => Some((*snapshot, Bytes(100))),
        _ => None,
    });
    let done = Committed { sampled, saved: saved.collect() };
    let shown = Step {
        granted: step.granted.clone(),
        finished: step.finished.clone(),
        cache: step.cache.clone(),
        batch: step.batch.clone(),
    };
    scheduler.commit(step, done);
    shown
}

fn advance(scheduler: &mut Scheduler, now: Tick) -> Step {
    let step = scheduler.step(now);
    run(scheduler, step)
}

#[test]
fn a_long_prompt_is_chunked_beside_decoding() {
    let mut config = SchedConfig::new(vec![share("a", Tier::Executive, 2, 4096)], 2, 8192);
    config.batch_tokens = 100;
    let mut scheduler = Scheduler::new(config);
    scheduler.offer(Tick(0), job(1, 0, 3, 50)).unwrap();
    advance(&mut scheduler, Tick(0));
    scheduler.offer(Tick(1), job(2, 0, 250, 50)).unwrap();
    let chunks: Vec<Vec<usize>> = (0..4)
        .map(|i| advance(&mut scheduler, Tick(i)).batch.rows.iter().map(|r| r.len).collect())
        .collect();
    assert_eq!(chunks, [vec![1, 99], vec![1, 99], vec![1, 52], vec![1, 1]]);
}

#[test]
fn output_ends_where_the_context_ends() {
    let config = SchedConfig::new(vec![share("a", Tier::Executive, 1, 10)], 1, 10);
    let mut scheduler = Scheduler::new(config);
    scheduler.offer(Tick(0), job(1, 0, 7, 1000)).unwrap();
    for _ in 0..3 {
        assert!(advance(&mut scheduler, Tick(0)).finished.is_empty());
    }
    let finished = scheduler.step(Tick(0)).finished;
    assert_eq!(finished[0].reason, FinishReason::Length);
    assert_eq!((finished[0].usage.prompt_tokens, finished[0].usage.completion_tokens), (7, 3));
    let full = scheduler.offer(Tick(0), job(2, 0, 10, 1)).unwrap_err();
    assert!(matches!(full, Refused::PromptTooLong { prompt: Tokens(10), context: Tokens(10), .. }));
}

#[test]
fn a_right_comes_before_a_loan_and_idle_slots_are_lent() {
    let agents =
        vec![share("exec", Tier::Executive, 1, 64), share("coder", Tier::Specialists, 2, 64)];
    let mut scheduler = Scheduler::new(SchedConfig::new(agents, 3, 3 * 64));
    for id in 0..5 {
        scheduler.offer(Tick(id), job(id, 1, 4, 2)).unwrap();
    }
    let granted: Vec<_> = advance(&mut scheduler, Tick(9)).granted.iter().map(|g| g.id.0).collect();
    assert_eq!(granted, [0, 1, 2], "the executive's idle slot is lent");
    scheduler.offer(Tick(10), job(100, 0, 4, 2)).unwrap();
    advance(&mut scheduler, Tick(10)); // the three finish here
    let granted: Vec<_> =
        advance(&mut scheduler, Tick(11)).granted.iter().map(|g| g.id.0).collect();
    assert_eq!(granted, [100, 3, 4], "the executive goes first, though it came last");
}

#[test]
fn waiting_promotes_a_tier() {
    let agents = vec![share("exec", Tier::Executive, 1, 64), share("heavy", Tier::Heavy, 1, 64)];
    let mut config = SchedConfig::new(agents, 1, 64);
    config.ageing = Duration::from_nanos(10);
    let mut scheduler = Scheduler::new(config);
    scheduler.offer(Tick(0), job(1, 1, 4, 1)).unwrap();
    scheduler.offer(Tick(35), job(2, 0, 4, 1)).unwrap();
    assert_eq!(scheduler.step(Tick(35)).granted[0].id, RequestId(1), "three tiers in 35 ns");
}

#[test]
fn a_full_queue_refuses() {
    let mut config = SchedConfig::new(vec![share("a", Tier::Executive, 1, 64)], 1, 64);
    config.queue_limit = 1;
    let mut scheduler = Scheduler::new(config);
    scheduler.offer(Tick(0), job(1, 0, 4, 1)).unwrap();
    let refused = scheduler.offer(Tick(0), job(2, 0, 4, 1)).unwrap_err();
    assert!(matches!(refused, Refused::QueueFull { queued: 1, .. }));
}

fn with_prefix(id: u64, rest: i32) -> Job {
    let prompt = (0..20).chain([rest, rest + 1]).map(Token).collect();
    Job { id: RequestId(id), agent: 0, prompt, shared_prefix: 20, max_output: 9 }
}

#[test]
fn a_prefix_is_computed_once_and_restored_while_its_donor_is_busy() {
    let config = SchedConfig::new(vec![share("a", Tier::Executive, 3, 64)], 3, 192);
    let mut scheduler = Scheduler::new(config);
    scheduler.offer(Tick(0), with_prefix(1, 100)).unwrap();
    scheduler.offer(Tick(0), with_prefix(2, 200)).unwrap();
    let first = advance(&mut scheduler, Tick(0));
    assert_eq!(first.batch.rows.len(), 1, "the second waits for the prefix");
    assert_eq!((first.batch.rows[0].len, first.batch.rows[0].sample), (20, false));
    let second = advance(&mut scheduler, Tick(1));
    let (snapshot, seq) = (SnapshotId(0), SeqId(0));
    let restore = CacheOp::Restore { snapshot, seq: SeqId(1) };
    assert_eq!(second.cache, [CacheOp::Save { seq, snapshot }, restore]);
    let lens: Vec<_> = second.batch.rows.iter().map(|row| (row.position, row.len)).collect();
    assert_eq!(lens, [(20, 2), (20, 2)]);
    scheduler.cancel(RequestId(2));
    assert_eq!(scheduler.step(Tick(2)).finished[0].usage.cached_tokens, 20);
}

#[test]
fn a_cancelled_donor_hands_its_turn_on() {
    let config = SchedConfig::new(vec![share("a", Tier::Executive, 2, 64)], 2, 128);
    let mut scheduler = Scheduler::new(config);
    scheduler.offer(Tick(0), with_prefix(1, 100)).unwrap();
    scheduler.offer(Tick(0), with_prefix(2, 200)).unwrap();
    let step = scheduler.step(Tick(0));
    scheduler.cancel(RequestId(1));
    run(&mut scheduler, step);
    let next = advance(&mut scheduler, Tick(1));
    assert_eq!(next.batch.rows[0].request, RequestId(2));
    assert_eq!(next.batch.rows[0].len, 20);
}

#[derive(Clone, Debug)]
enum Act {
    Offer { agent: usize, prompt: usize, max_output: u32, shared: bool },
    Cancel(usize),
    CancelWithinStep(usize),
    Step { stop_every: usize },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..3usize, 1..90usize, 1..40u32, any::<bool>()).prop_map(
            |(agent, prompt, max_output, shared)| Act::Offer { agent, prompt, max_output, shared }
        ),
        1 => (0..64usize).prop_map(Act::Cancel),
        1 => (0..64usize).prop_map(Act::CancelWithinStep),
        5 => (1..9usize).prop_map(|stop_every| Act::Step { stop_every }),
    ]
}

/// What an observer outside knows: every request's fate, and what the machine would hold.
#[derive(Default)]
struct Observer {
    accepted: BTreeSet<RequestId>,
    running: BTreeMap<RequestId, SeqId>,
    finished: BTreeMap<RequestId, FinishReason>,
    /// Tokens in each sequence of the machine.
    cells: BTreeMap<SeqId, u32>,
    snapshots: BTreeMap<SnapshotId, u32>,
}

impl Observer {
    fn see(&mut self, step: &Step, config: &SchedConfig) {
        for finished in &step.finished {
            assert!(self.accepted.contains(&finished.id));
            assert!(self.finished.insert(finished.id, finished.reason).is_none(), "ends once");
            assert_eq!(self.running.remove(&finished.id), finished.seq);
        }
        for op in &step.cache {
            match *op {
                CacheOp::Drop { seq } => _ = self.cells.insert(seq, 0),
                CacheOp::Save { seq, snapshot } => {
                    _ = self.snapshots.insert(snapshot, self.cells[&seq]);
                }
                CacheOp::Restore { snapshot, seq } => {
                    assert_eq!(self.cells.get(&seq).copied().unwrap_or(0), 0);
                    self.cells.insert(seq, self.snapshots[&snapshot]);
                }
                CacheOp::Trim { seq, keep } => {
                    assert!(keep <= self.cells[&seq]);
                    self.cells.insert(seq, keep);
                }
                CacheOp::Move { from, to } => {
                    assert_eq!(self.cells.get(&to).copied().unwrap_or(0), 0);
                    let moved = self.cells.insert(from, 0).unwrap_or(0);
                    self.cells.insert(to, moved);
                }
                CacheOp::Discard { snapshot } => {
                    assert!(self.snapshots.remove(&snapshot).is_some());
                }
            }
        }
        for grant in &step.granted {
            assert!(self.running.values().all(|seq| *seq != grant.seq), "a sequence is exclusive");
            assert!(self.running.insert(grant.id, grant.seq).is_none());
        }
        assert!(self.running.len() <= config.max_in_flight as usize);
        assert!(step.batch.tokens.len() <= config.batch_tokens as usize);
        for row in &step.batch.rows {
            assert_eq!(self.running[&row.request], row.seq);
            let cells = self.cells.entry(row.seq).or_default();
            assert_eq!(*cells, row.position, "positions are contiguous");
            *cells += u32::try_from(row.len).unwrap();
        }
        let held: u32 = self.cells.values().sum();
        assert!(u64::from(held) <= config.kv_tokens, "{held} cells");
        // prefix_bytes is 250 and a snapshot 100; the size of one is known once it is saved.
        let saved = step.cache.iter().filter(|op| matches!(op, CacheOp::Save { .. })).count();
        assert!(self.snapshots.len() <= 2 + saved);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn invariants_hold_under_random_traffic(acts in prop::collection::vec(act(), 1..150)) {
        let agents = vec![
            share("a", Tier::Executive, 2, 100),
            share("b", Tier::Directors, 2, 60),
            share("c", Tier::Heavy, 1, 40),
        ];
        let mut config = SchedConfig::new(agents, 4, 300);
        config.batch_tokens = 64;
        config.prefix_bytes = Bytes(250);
        let mut scheduler = Scheduler::new(config);
        let config = scheduler.config().clone();
        let mut observer = Observer::default();
        let mut now = Tick(0);
        for (id, act) in (0u64..).zip(acts) {
            now = now + Duration::from_millis(1);
            match act {
                Act::Offer { agent, prompt, max_output, shared } => {
                    let mut job = job(id, agent, prompt, max_output);
                    job.shared_prefix = if shared { u32::try_from(prompt / 2).unwrap() } else { 0 };
                    if scheduler.offer(now, job).is_ok() {
                        observer.accepted.insert(RequestId(id));
                    }
                }
                Act::Cancel(nth) => {
                    if let Some(id) = scheduler.pending().get(nth) {
                        scheduler.cancel(*id);
                    }
                }
                Act::CancelWithinStep(nth) => {
                    let step = scheduler.step(now);
                    observer.see(&step, &config);
                    if let Some(id) = scheduler.pending().get(nth) {
                        scheduler.cancel(*id);
                    }
                    run(&mut scheduler, step);
                }
                Act::Step { stop_every } => {
                    let step = scheduler.step(now);
                    observer.see(&step, &config);
                    let stops = |id: RequestId| id.0.is_multiple_of(stop_every as u64);
                    let done = Committed {
                        sampled: step.batch.sampling_rows()
                            .map(|row| Sampled {
                                id: row.request, token: Token(7), stop: stops(row.request),
                            })
                            .collect(),
                        saved: observer.snapshots.keys().map(|id| (*id, Bytes(100))).collect(),
                    };
                    scheduler.commit(step, done);
                }
            }
        }
        // Nobody starves: what is left runs to its end.
        for _ in 0..4000 {
            let step = scheduler.step(now);
            observer.see(&step, &config);
            run(&mut scheduler, step);
            if scheduler.is_idle() {
                break;
            }
        }
        prop_assert!(scheduler.is_idle());
        prop_assert_eq!(observer.accepted.len(), observer.finished.len());
        prop_assert!(scheduler.load().iter().all(|load| load.in_flight == 0 && load.queued == 0));
        prop_assert_eq!(scheduler.kv_reserved, 0);
    }
}
