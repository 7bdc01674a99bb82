//! The planner's ledger for models with recurrent layers, compared with llama.cpp's allocation and
//! the resident memory of a process.
//!
//! Each model runs in a separate process, so that memory kept by the allocator does not count.
//! `benches/memory.rs` does the same for whole models and every layout.

use std::path::{Path, PathBuf};
use std::process::Command;

use harmonic_engine::sampling::{Sampler, Samplers};
use harmonic_engine::{Batch, Machine, Row, SeqId, Token};
use harmonic_llama::{LlamaMachine, LlamaSetup, Model};
use harmonic_models::gguf::{GgufBuilder, Header, shape};
use harmonic_models::synthetic::{StateSpace, SyntheticModel};
use harmonic_planner::PlannedModel;
use harmonic_planner::cost_model::{CostModel, SlotsByContext};
use harmonic_planner::footprint::Footprint;
use harmonic_types::{BudgetRule, Bytes, KvLayout, KvType, RequestId, Sampling};

/// Environment variable with the file that the child measures.
const FILE: &str = "HARMONIC_LEDGER_FILE";

/// Allowed difference between ledger and process, in percent.
const TOLERANCE: u64 = 5;

const SEQUENCES: u32 = 32;
const CONTEXT: u64 = 1024;
const BATCH: u32 = 512;

fn footprint(path: &Path) -> Footprint {
    let header = Header::open(path).expect("a GGUF file");
    let planned = PlannedModel {
        name: "synthetic".to_owned(),
        path: Some(path.to_owned()),
        digest: None,
        shape: shape(&header).expect("a known architecture"),
        paper: None,
    };
    let cost_model =
        CostModel::of(&planned, BudgetRule::Exact, KvType::F16, SEQUENCES).expect("exact");
    let slots = SlotsByContext::from([(CONTEXT, SEQUENCES.into())]);
    cost_model.engine_in(KvLayout::Streams, &slots)
}

fn models() -> Vec<(&'static str, GgufBuilder)> {
    let model = SyntheticModel {
        layers: 16,
        width: 256,
        heads: 4,
        kv_heads: 4,
        feed_forward: 512,
        ..SyntheticModel::tiny()
    };
    let state = StateSpace {
        conv_kernel: 4,
        inner_size: 512,
        state_size: 256,
        time_step_rank: 8,
        group_count: 2,
    };
    let delta = StateSpace { inner_size: 512, state_size: 64, ..state };
    vec![
        ("llama", model.llama()),
        ("mamba2", model.mamba2(state)),
        ("granitehybrid", model.granite_hybrid(state, |layer| layer % 4 == 3)),
        ("falcon-h1", model.falcon_h1(state)),
        ("qwen35", model.qwen35(delta)),
        ("lfm2", model.lfm2(3, |layer| layer % 2 == 1)),
    ]
}

#[test]
fn the_ledger_is_what_a_hybrid_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut apart = Vec::new();
    for (name, file) in models() {
        let path = folder.path().join(format!("{name}.gguf"));
        file.write(&path).expect("written");
        let plan = footprint(&path);
        let output = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "the_child", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .output()
            .expect("a child");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{name}: {text}");
        let line = text.lines().find_map(|line| line.strip_prefix("held ")).expect("a line");
        let [kv, state, compute, resident] = line
            .split(' ')
            .map(|figure| figure.parse().expect("a figure"))
            .collect::<Vec<u64>>()[..]
        else {
            panic!("{line}");
        };
        let figures = format!(
            "{name}: planned kv {} state {} compute {} total {}; allocated kv {kv} state {state} \
             compute {compute}, resident {resident}",
            plan.kv.0,
            plan.state.0,
            plan.compute.0,
            plan.total().0
        );
        println!("{figures}");
        // llama.cpp logs MiB with two decimals.
        let logged = |line: Bytes, real: u64| line.0.abs_diff(real) < 10_486;
        let total = plan.total().0;
        let near = total.abs_diff(resident) * 100 <= resident * TOLERANCE;
        if !logged(plan.kv, kv) || !logged(plan.state, state) || !near {
            apart.push(figures);
        }
    }
    assert_eq!(apart, Vec::<String>::new());
}

#[test]
#[ignore = "run by the other test in a separate process"]
#[expect(clippy::disallowed_methods, reason = "input from the other test")]
fn the_child() {
    let path = PathBuf::from(std::env::var(FILE).expect("the other test sets it"));
    let plan = footprint(&path);
    let before = resident();
    let model = Model::load(&path).expect("loads");
    let setup = LlamaSetup {
        id: "ledger".to_owned(),
        path,
        threads: 2,
        sequences: plan.sequences,
        kv_tokens: plan.kv_tokens,
        kv_layout: plan.layout,
        kv_type: KvType::F16,
        attention: plan.attention,
        batch_tokens: BATCH,
    };
    let mut machine = LlamaMachine::new(&model, &setup).expect("a context");
    let mut samplers = Samplers::default();
    for seq in 0..SEQUENCES {
        samplers.insert(RequestId(seq.into()), Sampler::new(Sampling::default(), seq.into()));
    }
    // A batch of all sequences, then one of a single sequence: the two largest shapes.
    let each = BATCH / SEQUENCES;
    let rows = (0..SEQUENCES).map(|seq| row(seq, 0, seq * each, each)).collect();
    run(&mut machine, &mut samplers, rows, BATCH);
    let left = BATCH;
    run(&mut machine, &mut samplers, vec![row(0, each, 0, left)], left);
    let allocation = machine.allocation();
    let of = |bytes: Option<Bytes>| bytes.map_or(0, |bytes| bytes.0);
    println!(
        "held {} {} {} {}",
        of(allocation.kv_bytes),
        of(allocation.state_bytes),
        of(allocation.compute_bytes),
        resident() - before
    );
}

fn row(seq: u32, position: u32, start: u32, len: u32) -> Row {
    let (request, seq) = (RequestId(seq.into()), SeqId(seq));
    Row { request, seq, position, start: start as usize, len: len as usize, sample: true }
}

fn run(machine: &mut LlamaMachine<'_>, samplers: &mut Samplers, rows: Vec<Row>, tokens: u32) {
    let tokens = (0..tokens).map(|at| Token(i32::try_from(at % 200).expect("small"))).collect();
    machine.run(&Batch { tokens, rows }, samplers).expect("decodes");
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second field") * 4096
}
