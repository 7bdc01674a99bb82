//! The conformance suite on the simulated machine, and what only a simulation can show.

use std::sync::Arc;
use std::time::Duration;

use harmonic_engine::sim::{self, PaperMachine};
use harmonic_engine::{Engine, LocalConfig, conformance};
use harmonic_types::{Bytes, LayerKv, ModelShape, Provenance, Tokens};

fn shape() -> ModelShape {
    let layer = LayerKv { kv_heads: 8, key_length: 128, value_length: 128, window: None };
    ModelShape {
        architecture: "qwen3".to_owned(),
        layers: vec![layer; 36],
        embedding_length: 2560,
        context_trained: Tokens(40_960),
        vocabulary: 151_936,
        parameters: 4_000_000_000,
        parameters_active: 4_000_000_000,
        experts: None,
        weights_bytes: Bytes(2_497_280_256),
        format: "Q4_K".to_owned(),
        provenance: Provenance::Declared,
    }
}

fn spark() -> PaperMachine {
    PaperMachine::dgx_spark(&shape())
}

/// A machine a hundred times as fast, so that the suite is quick at real pace.
fn fast(config: LocalConfig) -> Arc<dyn Engine> {
    let mut paper = spark();
    paper.machine.bandwidth.0 *= 100.0;
    paper.machine.compute.0 *= 100.0;
    paper.machine.overhead = Duration::from_micros(100);
    Arc::new(sim::spawn(config, paper).expect("a simulated engine starts"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_engine_conforms() {
    let differences = conformance::run(&fast).await;
    assert!(differences.is_empty(), "its logits depend on nothing but the sequence");
}
