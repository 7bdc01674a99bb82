//! What the planner predicts for an engine, and what the process really holds with all slots full.
//!
//! `cargo bench -p harmonic-llama --bench memory -- MODEL.gguf… ` prints one line of JSON per model
//! and layout. Linux only: resident memory is read from `/proc/self/statm`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for people who measure")]

use std::path::Path;

use harmonic_engine::sampling::{Sampler, Samplers};
use harmonic_engine::{Batch, Machine, Row, SeqId, Token};
use harmonic_llama::{LlamaMachine, LlamaSetup, Model};
use harmonic_models::gguf::{Header, shape};
use harmonic_planner::PlannedModel;
use harmonic_planner::footprint::{Pricing, SlotsByContext};
use harmonic_types::{BudgetRule, KvType, RequestId, Sampling};

const SLOTS: u32 = 8;
const CONTEXT: u32 = 1024;
const BATCH: u32 = 512;

fn main() {
    // `cargo bench` adds `--bench`.
    for path in std::env::args().skip(1).filter(|word| !word.starts_with("--")) {
        for kv_type in [KvType::F16, KvType::Q8_0] {
            compare(Path::new(&path), kv_type);
        }
    }
}

fn compare(path: &Path, kv_type: KvType) {
    let header = Header::open(path).expect("a GGUF file");
    let planned = PlannedModel {
        name: path.display().to_string(),
        path: Some(path.to_owned()),
        digest: None,
        shape: shape(&header).expect("a known architecture"),
        paper: None,
    };
    let pricing = Pricing::of(&planned, BudgetRule::Exact, kv_type, SLOTS).expect("exact");
    let footprint = pricing.engine(&SlotsByContext::from([(CONTEXT.into(), SLOTS.into())]));
    let before = resident();
    let model = Model::load(path).expect("loads");
    let setup = LlamaSetup {
        id: "memory".to_owned(),
        path: path.to_owned(),
        threads: 2,
        sequences: footprint.sequences,
        kv_tokens: footprint.kv_tokens,
        kv_layout: footprint.layout,
        kv_type,
        batch_tokens: BATCH,
    };
    let mut machine = LlamaMachine::new(&model, &setup).expect("a context");
    fill(&mut machine);
    let held = resident() - before;
    let predicted = footprint.total().0;
    println!(
        r#"{{"model":"{}","kv_type":"{kv_type:?}","predicted":{predicted},"resident":{held},"ratio":{:.3},"footprint":"{footprint:?}","allocation":"{:?}"}}"#,
        path.file_name().unwrap_or_default().to_string_lossy(),
        predicted as f64 / held as f64,
        machine.allocation(),
    );
}

/// Prefills every sequence to its last cell but one, then decodes all of them together once.
fn fill(machine: &mut LlamaMachine<'_>) {
    let mut samplers = Samplers::default();
    for seq in 0..SLOTS {
        samplers.insert(RequestId(seq.into()), Sampler::new(Sampling::default(), seq.into()));
        for position in (0..CONTEXT - 1).step_by(BATCH as usize) {
            let len = BATCH.min(CONTEXT - 1 - position);
            let tokens = (0..len).map(|at| Token(i32::try_from(100 + at).expect("small")));
            run(machine, &mut samplers, vec![row(seq, position, 0, len, false)], tokens.collect());
        }
    }
    let rows = (0..SLOTS).map(|seq| row(seq, CONTEXT - 1, seq as usize, 1, true)).collect();
    run(machine, &mut samplers, rows, vec![Token(100); SLOTS as usize]);
}

fn row(seq: u32, position: u32, start: usize, len: u32, sample: bool) -> Row {
    let (request, seq) = (RequestId(seq.into()), SeqId(seq));
    Row { request, seq, position, start, len: len as usize, sample }
}

fn run(
    machine: &mut LlamaMachine<'_>,
    samplers: &mut Samplers,
    rows: Vec<Row>,
    tokens: Vec<Token>,
) {
    machine.run(&Batch { tokens, rows }, samplers).expect("decodes");
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second field") * 4096
}
