//! Properties of llama.cpp's cache required by the scheduler, on both small models, in both
//! layouts: a saved, preempted, moved or trimmed sequence continues exactly as it would have.

mod store;

use harmonic_engine::sampling::{Logprobs, SampleResult, Sampler, Samplers};
use harmonic_engine::{Batch, CacheOp, Machine, MachineError, Row, SeqId, SnapshotId, Token};
use harmonic_llama::{LlamaMachine, LlamaSetup, Model};
use harmonic_types::{Attention, Bytes, KvLayout, KvType, RequestId, Sampling};

const SEQUENCES: u32 = 4;

/// Cache settings of plans. A unified, quantised or windowed cache needs the fused kernel: restored
/// tokens lie in other cells, in whose order plain products would sum.
const CACHES: [(KvLayout, KvType, Attention); 5] = [
    (KvLayout::Streams, KvType::F16, Attention::Plain),
    (KvLayout::Streams, KvType::F16, Attention::Flash),
    (KvLayout::Streams, KvType::Q8_0, Attention::Flash),
    (KvLayout::Unified, KvType::F16, Attention::Flash),
    (KvLayout::Unified, KvType::Q8_0, Attention::Flash),
];

/// Runs `check` on every small model with every supported kind of cache.
fn on_all(check: fn(&mut Bench<'_>)) {
    for (name, windows) in [("smollm2:135m", false), ("gemma3:270m", true)] {
        let path = store::path(name);
        let model = Model::load(&path).expect("loads");
        let caches = CACHES.iter().filter(|cache| !windows || cache.2 == Attention::Flash);
        for &(kv_layout, kv_type, attention) in caches {
            let setup = LlamaSetup {
                id: name.to_owned(),
                path: path.clone(),
                threads: 1,
                sequences: SEQUENCES,
                kv_tokens: u64::from(SEQUENCES) * 1024,
                kv_layout,
                kv_type,
                attention,
                batch_tokens: 512,
            };
            let machine = LlamaMachine::new(&model, &setup).expect("a context");
            let what = format!("{name} {kv_layout:?} {kv_type:?} {attention:?}");
            check(&mut Bench { machine, what, streams: kv_layout == KvLayout::Streams });
        }
    }
}

/// A machine with observable logits.
struct Bench<'m> {
    machine: LlamaMachine<'m>,
    what: String,
    streams: bool,
}

impl Bench<'_> {
    fn cache(&mut self, ops: impl IntoIterator<Item = CacheOp>) -> Bytes {
        ops.into_iter().map(|op| self.machine.cache(&op).expect("possible")).sum()
    }

    /// Computes `tokens` of `seq` from `position` on; returns exact log-probabilities of the next
    /// token.
    fn run(&mut self, seq: u32, position: u32, tokens: &[Token]) -> Logprobs {
        let request = RequestId(0);
        let row =
            Row { request, seq: SeqId(seq), position, start: 0, len: tokens.len(), sample: true };
        let mut samplers = Samplers::default();
        let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
        samplers.insert(request, Sampler::new(greedy, 0).with_logprobs(Some(20)));
        let batch = Batch { tokens: tokens.to_vec(), rows: vec![row] };
        let outcome = self.machine.run(&batch, &mut samplers).expect("computes");
        let SampleResult::Token(choice) = &outcome.samples[0] else { panic!("unconstrained") };
        choice.logprobs.clone().expect("requested")
    }

    /// Checks that `after` equals `before`: bit for bit in streams; in a pool tokens may lie in
    /// other cells, which attention sums in another order (Gemma's quantised products widen that to
    /// 0.1).
    fn same(&self, before: &Logprobs, after: &Logprobs) {
        if self.streams {
            assert_eq!(after, before, "{}", self.what);
        }
        assert_eq!(after.top[0].0, before.top[0].0, "{}", self.what);
        let gap = (after.chosen - before.chosen).abs();
        assert!(gap < 0.3, "{}: {gap}", self.what);
    }

    fn dropped(&mut self, seq: u32) {
        self.cache([CacheOp::Drop { seq: SeqId(seq) }]);
    }
}

/// Tokens in every small vocabulary.
fn tokens(count: i32) -> Vec<Token> {
    (0..count).map(|at| Token(100 + (at * 37) % 4000)).collect()
}

/// Longer than gemma's window of 512 tokens.
const PROMPT: i32 = 600;

#[test]
fn a_preempted_sequence_continues_as_it_would_have() {
    on_all(|bench| {
        let prompt = tokens(PROMPT);
        bench.run(0, 0, &prompt[..500]);
        bench.run(0, 500, &prompt[500..]);
        let (seq, snapshot) = (SeqId(0), SnapshotId(1));
        let bytes = bench.cache([CacheOp::Save { seq, snapshot }]);
        assert!(bytes > Bytes::ZERO, "{}", bench.what);
        let before = bench.run(0, 600, &[Token(7)]);
        bench.dropped(0);
        // Another one runs in its sequence meanwhile; it resumes in a different one.
        bench.run(0, 0, &tokens(50));
        let restore = CacheOp::Restore { snapshot, seq: SeqId(2) };
        bench.cache([restore, CacheOp::Discard { snapshot }]);
        let after = bench.run(2, 600, &[Token(7)]);
        bench.same(&before, &after);
    });
}

#[test]
fn a_moved_sequence_continues_as_it_would_have() {
    on_all(|bench| {
        bench.run(3, 0, &tokens(PROMPT)[..500]);
        let (seq, snapshot) = (SeqId(3), SnapshotId(1));
        bench.cache([CacheOp::Save { seq, snapshot }]);
        let before = bench.run(3, 500, &[Token(7)]);
        bench.dropped(3);
        bench.cache([
            CacheOp::Restore { snapshot, seq },
            CacheOp::Move { from: SeqId(3), to: SeqId(0) },
        ]);
        let after = bench.run(0, 500, &[Token(7)]);
        bench.same(&before, &after);
    });
}

#[test]
fn a_prefix_is_restored_while_its_donor_continues() {
    on_all(|bench| {
        let prompt = tokens(PROMPT);
        bench.run(0, 0, &prompt[..300]);
        let (seq, snapshot) = (SeqId(0), SnapshotId(1));
        bench.cache([CacheOp::Save { seq, snapshot }]);
        let donor = bench.run(0, 300, &prompt[300..400]);
        bench.cache([CacheOp::Restore { snapshot, seq: SeqId(1) }]);
        let restored = bench.run(1, 300, &prompt[300..400]);
        bench.same(&donor, &restored);
    });
}

#[test]
fn a_sequence_that_shares_cells_continues_as_on_its_own() {
    on_all(|bench| {
        if bench.streams || !bench.machine.supports_partial_removal() {
            return;
        }
        let prompt = tokens(PROMPT);
        bench.run(0, 0, &prompt[..300]);
        bench.cache([CacheOp::Share { from: SeqId(0), to: SeqId(1), tokens: 200 }]);
        bench.run(2, 0, &prompt[..200]);
        let [shared, own] = [1, 2].map(|seq| bench.run(seq, 200, &prompt[..150]));
        bench.same(&own, &shared);
        // The one goes, the other stays, as a snapshot, too.
        bench.dropped(0);
        bench.run(0, 0, &tokens(50));
        let snapshot = SnapshotId(1);
        bench.cache([
            CacheOp::Save { seq: SeqId(1), snapshot },
            CacheOp::Restore { snapshot, seq: SeqId(3) },
        ]);
        let [shared, own, restored] = [1, 2, 3].map(|seq| bench.run(seq, 350, &[Token(7)]));
        bench.same(&own, &shared);
        bench.same(&own, &restored);
    });
}

#[test]
fn only_a_model_without_windows_is_trimmed() {
    on_all(|bench| {
        let windows = bench.what.starts_with("gemma");
        assert_eq!(bench.machine.supports_partial_removal(), !windows, "{}", bench.what);
        if windows {
            return;
        }
        let prompt = tokens(PROMPT);
        bench.run(0, 0, &prompt[..300]);
        let snapshot = SnapshotId(1);
        bench.cache([CacheOp::Save { seq: SeqId(0), snapshot }]);
        let before = bench.run(0, 300, &[Token(7)]);
        bench.run(0, 301, &prompt[..50]);
        bench.cache([CacheOp::Trim { seq: SeqId(0), keep: 300 }]);
        let after = bench.run(0, 300, &[Token(7)]);
        bench.same(&before, &after);
    });
}

/// Without cells for the whole snapshot, the machine returns an error and remains usable.
#[test]
fn a_snapshot_without_cells_is_an_error_and_harms_nothing() {
    on_all(|bench| {
        if bench.streams {
            return;
        }
        let (seq, snapshot) = (SeqId(0), SnapshotId(1));
        for (position, from) in [(0, 0), (500, 500), (1000, 1000)] {
            let (to, all) = (from + 400 + 100 * usize::from(from < 1000), tokens(1400));
            bench.run(0, position, &all[from..to]);
        }
        bench
            .cache([CacheOp::Save { seq, snapshot }, CacheOp::Restore { snapshot, seq: SeqId(1) }]);
        // 2,800 of 4,096 cells are in use.
        let third = CacheOp::Restore { snapshot, seq: SeqId(2) };
        let error = bench.machine.cache(&third).expect_err("no cells").to_string();
        assert!(error.contains("1400 tokens and 1296 free cells"), "{error}");
        let before = bench.run(1, 1400, &[Token(7)]);
        bench.dropped(1);
        bench.cache([third]);
        let after = bench.run(2, 1400, &[Token(7)]);
        bench.same(&before, &after);
    });
}

#[test]
fn restoring_an_unknown_snapshot_is_an_error() {
    on_all(|bench| {
        let restore = CacheOp::Restore { snapshot: SnapshotId(9), seq: SeqId(0) };
        let error = bench.machine.cache(&restore).expect_err("never saved");
        assert!(matches!(error, MachineError::Failed { .. }), "{error}");
    });
}
