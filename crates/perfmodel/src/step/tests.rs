use proptest::prelude::*;

use super::*;
use harmonic_types::{KvType, LayerKv, Provenance};

fn qwen3(layers: usize, weights: u64, parameters: u64) -> ModelShape {
    let layer = LayerKv { kv_heads: 8, key_length: 128, value_length: 128, window: None };
    ModelShape {
        architecture: "qwen3".to_owned(),
        layers: vec![layer; layers],
        recurrent: None,
        query_heads: 32,
        embedding_length: 2560,
        feed_forward_length: 9728,
        context_trained: Tokens(32_768),
        vocabulary: 151_936,
        parameters,
        parameters_active: parameters,
        experts: None,
        tied_embedding: None,
        pooling: None,
        weights_bytes: Bytes(weights),
        format: "Q4_K_M".to_owned(),
        provenance: Provenance::Declared,
    }
}

/// A machine limited by bandwidth alone.
fn bandwidth_only(gigabytes_per_second: f64) -> MachineModel {
    MachineModel {
        bandwidth: BytesPerSecond(gigabytes_per_second * 1e9),
        compute: FlopsPerSecond(f64::INFINITY),
        overhead: Duration::ZERO,
    }
}

/// `docs/sources.md#roofs-by-bandwidth`, with the weights' bytes of `docs/sources.md#files-of-qwen3`.
#[test]
fn roofs_equal_the_table() {
    let small = qwen3(36, 2_497_280_256, 4_022_000_000);
    let medium = qwen3(36, 5_027_783_488, 8_190_000_000);
    let table = [
        (273.0, &small, 1, 150, 108.0),
        (273.0, &small, 16, 150, 1532.0),
        (273.0, &small, 32, 150, 2726.0),
        (273.0, &small, 16, 2048, 596.0),
        (273.0, &small, 32, 2048, 718.0),
        (273.0, &medium, 16, 2048, 443.0),
        (273.0, &medium, 32, 2048, 595.0),
        (215.0, &small, 16, 150, 1207.0),
        (215.0, &small, 16, 2048, 469.0),
    ];
    for (bandwidth, shape, sequences, context, expected) in table {
        let kv = KvCost::of(shape, KvType::F16);
        let weights = WeightCost::of(shape);
        let machine = bandwidth_only(bandwidth);
        let TokensPerSecond(got) = roof(&machine, &weights, &kv, sequences, Tokens(context));
        assert!(
            (got - expected).abs() < 1.0,
            "{bandwidth} GB/s, {sequences} sequences of {context}: {got}, the table says {expected}"
        );
    }
}

#[test]
fn arithmetic_limits_a_4b_model_at_60_tflops_to_7460() {
    let shape = qwen3(36, 2_497_280_256, 4_022_000_000);
    let machine = MachineModel {
        bandwidth: BytesPerSecond(f64::INFINITY),
        compute: FlopsPerSecond(60e12),
        overhead: Duration::ZERO,
    };
    let kv = KvCost::of(&shape, KvType::F16);
    let TokensPerSecond(got) = roof(&machine, &WeightCost::of(&shape), &kv, 64, Tokens(150));
    assert!((got - 7460.0).abs() < 5.0, "{got}");
}

/// Qwen3-30B-A3B: 128 experts of which 8, 30.5 B parameters of which 3.3 B.
#[test]
fn a_mixture_of_experts_reads_more_of_itself_with_more_tokens() {
    let shape = ModelShape {
        parameters: 30_500_000_000,
        parameters_active: 3_300_000_000,
        experts: Some((128, 8)),
        ..qwen3(48, 18_556_685_824, 0)
    };
    let weights = WeightCost::of(&shape);
    assert_eq!(weights.shared + weights.experts, shape.weights_bytes);
    let read = |tokens| weights.read(tokens).0 as f64 / shape.weights_bytes.0 as f64;
    // One token reads the active share of the parameters.
    assert!((read(1) - 3.3 / 30.5).abs() < 1e-3, "{}", read(1));
    // 16 tokens: S + X·(1 − 0.9375^16), with X = 27.2/0.9375 of 30.5 B.
    let experts = 27.2 / 0.9375 / 30.5;
    let expected = 1.0 - experts * 0.9375f64.powi(16);
    assert!((read(16) - expected).abs() < 1e-3, "{} {expected}", read(16));
    assert!(read(1000) > 0.999);
}

#[test]
fn overhead_is_added_and_an_impossible_machine_never_finishes() {
    let shape = qwen3(1, 1_000_000, 1_000);
    let weights = WeightCost::of(&shape);
    let kv = KvCost::of(&shape, KvType::F16);
    let load = StepLoad { prefill_tokens: 3, decode_sequences: 1, kv_bytes: Bytes::ZERO };
    let machine = MachineModel {
        bandwidth: BytesPerSecond(1e6),
        compute: FlopsPerSecond(1e12),
        overhead: Duration::from_millis(7),
    };
    assert_eq!(step_time(&machine, &weights, &load), Duration::from_millis(1007));
    assert_eq!(step_time(&machine, &weights, &StepLoad::default()), Duration::ZERO);
    for bad in [0.0, -1.0, f64::NAN] {
        let machine = MachineModel { bandwidth: BytesPerSecond(bad), ..machine };
        assert_eq!(step_time(&machine, &weights, &load), Duration::MAX);
        assert_eq!(roof(&machine, &weights, &kv, 4, Tokens(100)), TokensPerSecond(0.0));
    }
}

proptest! {
    #[test]
    fn a_larger_step_never_takes_less(
        prefill in 0u32..4096,
        decode in 0u32..256,
        more in 0u32..256,
        kv_bytes in 0u64..1_000_000_000_000,
    ) {
        let shape = qwen3(36, 2_497_280_256, 4_022_000_000);
        let weights = WeightCost::of(&shape);
        let machine = MachineModel { compute: FlopsPerSecond(60e12), ..bandwidth_only(273.0) };
        let load = StepLoad { prefill_tokens: prefill, decode_sequences: decode, kv_bytes: Bytes(kv_bytes) };
        let larger = StepLoad { decode_sequences: decode + more, ..load };
        prop_assert!(step_time(&machine, &weights, &load) <= step_time(&machine, &weights, &larger));
    }
}
