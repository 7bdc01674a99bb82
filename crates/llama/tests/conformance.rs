//! Conformance suite on llama.cpp with the real starter model, and tests specific to llama.cpp.

mod store;

use std::path::PathBuf;
use std::sync::Arc;

use harmonic_engine::chat::Vocabulary;
use harmonic_engine::sampling::Samplers;
use harmonic_engine::{
    Batch, Engine, EngineError, LocalConfig, Machine, Row, SeqId, Token, conformance,
};
use harmonic_llama::{LlamaMachine, LlamaSetup, Model, quantize, spawn};
use harmonic_types::{Attention, Bytes, KvLayout, KvType, RequestId};

fn starter() -> PathBuf {
    store::path("smollm2:135m")
}

fn setup(config: &LocalConfig, kv_layout: KvLayout) -> LlamaSetup {
    LlamaSetup {
        id: config.id.clone(),
        path: starter(),
        // Tests run in parallel: one thread each, instead of two per core.
        threads: 1,
        sequences: config.sequences,
        kv_tokens: config.kv_tokens,
        kv_layout,
        kv_type: KvType::F16,
        // As planned on a CPU.
        attention: match kv_layout {
            KvLayout::Streams => Attention::Plain,
            KvLayout::Unified => Attention::Flash,
        },
        batch_tokens: 512,
    }
}

#[expect(clippy::print_stdout, reason = "near ties are reported, but are no failure")]
async fn conforms(layout: KvLayout) {
    let factory = |config: LocalConfig| -> Arc<dyn Engine> {
        let config = LocalConfig { kv_layout: layout, ..config };
        Arc::new(spawn(setup(&config, layout), config).expect("the engine starts"))
    };
    conformance::shared_prefixes(&factory).await;
    for difference in conformance::run(&factory).await {
        println!("{layout:?}: near tie {difference:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_conforms_in_streams() {
    conforms(KvLayout::Streams).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn llama_conforms_in_a_unified_cache() {
    conforms(KvLayout::Unified).await;
}

/// Its sequences can only be copied as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn siblings_share_what_they_begin_with_on_a_model_with_windows() {
    for layout in [KvLayout::Streams, KvLayout::Unified] {
        let factory = |config: LocalConfig| -> Arc<dyn Engine> {
            let config = LocalConfig { kv_layout: layout, ..config };
            let path = store::path("gemma3:270m");
            let attention = Attention::Flash;
            let setup = LlamaSetup { path, attention, ..setup(&config, layout) };
            Arc::new(spawn(setup, config).expect("the engine starts"))
        };
        conformance::shared_prefixes(&factory).await;
    }
}

fn small() -> LlamaSetup {
    LlamaSetup {
        id: "small".to_owned(),
        path: starter(),
        threads: 1,
        sequences: 4,
        kv_tokens: 4 * 512,
        kv_layout: KvLayout::Streams,
        kv_type: KvType::F16,
        attention: Attention::Plain,
        batch_tokens: 512,
    }
}

#[test]
fn the_allocation_is_what_the_shape_says() {
    let setup = small();
    let model = Model::load(&setup.path).expect("loads");
    let of = |setup: &LlamaSetup| LlamaMachine::new(&model, setup).expect("a context").allocation();
    // 30 layers × 3 KV heads × 64 × 2 × 2 bytes × 4 sequences of 512.
    assert_eq!(of(&setup).kv_bytes, Some(Bytes(30 * 3 * 64 * 2 * 2 * 4 * 512)));
    assert!(of(&setup).compute_bytes.is_some_and(|bytes| bytes > Bytes::ZERO));
    let quantised = LlamaSetup { kv_type: KvType::Q8_0, attention: Attention::Flash, ..setup };
    // 34 bytes for 32 elements; llama.cpp logs MiB with two decimals.
    let exact = 30 * 3 * 64 * 2 * 34 / 32 * 4 * 512;
    let logged = of(&quantised).kv_bytes.expect("logged").0;
    assert!(logged.abs_diff(exact) < 10_486, "{logged} and {exact}");
}

#[test]
fn an_invalid_model_file_is_a_clear_error() {
    let missing = Model::load(&PathBuf::from("/nowhere/model.gguf")).expect_err("missing");
    let text = missing.to_string();
    assert!(text.starts_with("cannot load the model /nowhere/model.gguf: No such file"), "{text}");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), b"GGUF but not really").expect("written");
    let damaged = Model::load(file.path()).expect_err("damaged");
    assert!(matches!(damaged, EngineError::Load { .. }));
    assert!(damaged.to_string().contains("may be damaged"), "{damaged}");
}

#[test]
fn an_impossible_context_is_a_clear_error() {
    let model = Model::load(&starter()).expect("loads");
    let setup = LlamaSetup { kv_tokens: u64::from(u32::MAX) + 1, ..small() };
    let error = LlamaMachine::new(&model, &setup).expect_err("too large").to_string();
    assert!(error.contains("4294967296 KV tokens are more than llama.cpp can count"), "{error}");
}

#[test]
fn an_unknown_format_is_a_clear_error() {
    let error = quantize(&starter(), &PathBuf::from("/dev/null"), "Q9_9", 1).expect_err("unknown");
    assert!(error.to_string().starts_with("llama.cpp cannot convert to Q9_9"), "{error}");
}

/// Gemma requires a start of text, the starter model has none.
#[test]
fn the_start_of_text_occurs_once_if_the_model_wants_it() {
    for (name, wanted) in [("smollm2:135m", 0), ("gemma3:270m", 1)] {
        let model = Model::load(&store::path(name)).expect("loads");
        let bos = model.bos_text();
        let starts = |text: &str| {
            let tokens = model.read(text);
            let start = model.read(&bos)[0];
            tokens.iter().filter(|token| **token == start).count()
        };
        assert_eq!(starts("hello"), wanted, "{name}");
        assert_eq!(starts(&format!("{bos}hello")), 1, "{name}");
    }
}

/// llama.cpp itself would abort the process.
#[test]
fn a_batch_with_more_logits_than_the_context_holds_is_rejected() {
    let setup = LlamaSetup { sequences: 1, kv_tokens: 512, ..small() };
    let model = Model::load(&setup.path).expect("loads");
    let mut machine = LlamaMachine::new(&model, &setup).expect("a context");
    let row = |at: u32| Row {
        request: RequestId(0),
        seq: SeqId(0),
        position: at,
        start: at as usize,
        len: 1,
        sample: true,
    };
    let batch = Batch { tokens: vec![Token(100), Token(101)], rows: vec![row(0), row(1)] };
    let error = machine.run(&batch, &mut Samplers::default()).expect_err("too many");
    assert!(error.to_string().contains("2 rows want logits and the context holds 1"), "{error}");
}
