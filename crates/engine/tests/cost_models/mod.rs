//! Cost models of four billion parameters on a DGX Spark.

use std::time::Duration;

use harmonic_engine::sim::CostModel;
use harmonic_perfmodel::kv::KvCost;
use harmonic_types::{Bytes, KvType, LayerKv, ModelShape, Provenance, Tokens};

/// Cost model of the DGX Spark.
pub fn spark() -> CostModel {
    CostModel::dgx_spark(&shape())
}

fn shape() -> ModelShape {
    let layer = LayerKv { kv_heads: 8, key_length: 128, value_length: 128, window: None };
    ModelShape {
        architecture: "qwen3".to_owned(),
        layers: vec![layer; 36],
        recurrent: None,
        query_heads: 32,
        embedding_length: 2560,
        feed_forward_length: 9728,
        context_trained: Tokens(40_960),
        vocabulary: 151_936,
        parameters: 4_000_000_000,
        parameters_active: 4_000_000_000,
        experts: None,
        tied_embedding: None,
        pooling: None,
        weights_bytes: Bytes(2_497_280_256),
        format: "Q4_K".to_owned(),
        provenance: Provenance::Declared,
    }
}

/// The same, with a small KV cache: copies cost next to nothing.
#[allow(dead_code, reason = "not all tests copy")]
pub fn spark_with_small_cache() -> CostModel {
    let mut costs = spark();
    let layer = LayerKv { kv_heads: 1, key_length: 32, value_length: 32, window: None };
    costs.kv = KvCost::of(&ModelShape { layers: vec![layer], ..shape() }, KvType::F16);
    costs
}

/// A machine a hundred times as fast, so that tests in real time are quick.
pub fn fast() -> CostModel {
    let mut costs = spark();
    costs.machine.bandwidth.0 *= 100.0;
    costs.machine.compute.0 *= 100.0;
    costs.machine.overhead = Duration::from_micros(100);
    costs
}
