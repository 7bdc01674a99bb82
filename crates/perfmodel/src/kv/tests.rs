use proptest::prelude::*;

use super::*;
use harmonic_types::Provenance;

/// A model whose `layers` have 128-wide heads; fields unused by the KV arithmetic are zero.
fn shape(layers: Vec<LayerKv>) -> ModelShape {
    ModelShape {
        architecture: "test".to_owned(),
        layers,
        recurrent: None,
        query_heads: 0,
        embedding_length: 0,
        feed_forward_length: 0,
        context_trained: Tokens(0),
        vocabulary: 0,
        parameters: 0,
        parameters_active: 0,
        experts: None,
        tied_embedding: None,
        pooling: None,
        weights_bytes: Bytes::ZERO,
        format: String::new(),
        provenance: Provenance::Declared,
    }
}

fn layer(kv_heads: u32, window: Option<u32>) -> LayerKv {
    LayerKv { kv_heads, key_length: 128, value_length: 128, window: window.map(Tokens) }
}

/// `docs/sources.md#kv-per-token`, GB per slot: (layers, KV heads), then `f16` and `q8_0` at each context.
#[test]
fn the_four_qwen3_models_cost_what_the_table_states() {
    const CONTEXTS: [u32; 4] = [2048, 4096, 8192, 16384];
    type Row = ([usize; 2], [f64; 4], [f64; 4]);
    let table: [Row; 4] = [
        ([36, 8], [0.302, 0.604, 1.208, 2.416], [0.160, 0.321, 0.642, 1.283]),
        ([36, 8], [0.302, 0.604, 1.208, 2.416], [0.160, 0.321, 0.642, 1.283]),
        ([40, 8], [0.336, 0.671, 1.342, 2.684], [0.178, 0.357, 0.713, 1.426]),
        ([48, 4], [0.201, 0.403, 0.805, 1.611], [0.107, 0.214, 0.428, 0.856]),
    ];
    for ([layers, heads], f16, q8_0) in table {
        let shape = shape(vec![layer(u32::try_from(heads).unwrap(), None); layers]);
        for (kv_type, expected) in [(KvType::F16, f16), (KvType::Q8_0, q8_0)] {
            let cost = KvCost::of(&shape, kv_type);
            for (context, gb) in CONTEXTS.into_iter().zip(expected) {
                let got = cost.sequence(Tokens(context), 512).as_gb();
                assert!(
                    (got - gb).abs() < 0.0006,
                    "{layers}x{heads} {kv_type:?} at {context}: {got} GB, the table says {gb}"
                );
            }
        }
    }
}

#[test]
fn kib_per_token_equal_the_table() {
    let kib = |layers, heads, kv_type| {
        let shape = shape(vec![layer(heads, None); layers]);
        KvCost::of(&shape, kv_type).bytes_per_token()
    };
    let f16 = [(36, 8), (40, 8), (48, 4)].map(|(l, h)| kib(l, h, KvType::F16));
    let q8_0 = [(36, 8), (40, 8), (48, 4)].map(|(l, h)| kib(l, h, KvType::Q8_0));
    assert_eq!(f16, [144, 160, 96].map(|kib| Bytes(kib * 1024)));
    assert_eq!(q8_0, [765, 850, 510].map(|tenths| Bytes(tenths * 1024 / 10)));
}

/// Five window layers of 512 to one full layer, as in Gemma 3; 512 bytes per token and layer.
#[test]
fn window_layers_hold_their_window_and_one_batch() {
    let mut layers = vec![layer(1, Some(512)); 5];
    layers.push(layer(1, None));
    let cost = KvCost::of(&shape(layers), KvType::F16);
    let cache = |layout, cells, sequences| {
        cost.cache(CacheShape { layout, cells, sequences, n_ubatch: 512 }).0 / 512
    };
    assert_eq!(cache(KvLayout::Streams, 2048, 1), 2048 + 5 * 1024);
    assert_eq!(cache(KvLayout::Streams, 2048, 8), 8 * (2048 + 5 * 1024));
    assert_eq!(cache(KvLayout::Unified, 8 * 2048, 8), 8 * 2048 + 5 * (8 * 512 + 512));
    assert_eq!(cache(KvLayout::Streams, 768, 1), 6 * 768, "the window cache is never the larger");
    assert_eq!(cost.read(Tokens(100)), Bytes(512 * 600));
    assert_eq!(cost.read(Tokens(2000)), Bytes(512 * (2000 + 5 * 512)));
}

#[test]
fn contexts_are_padded_and_absurd_shapes_saturate() {
    let cost = KvCost::of(&shape(vec![layer(1, None)]), KvType::F16);
    assert_eq!(cost.sequence(Tokens(257), 512), cost.sequence(Tokens(512), 512));
    let absurd = LayerKv { kv_heads: u32::MAX, key_length: u32::MAX, ..layer(1, None) };
    let cost = KvCost::of(&shape(vec![absurd; 3]), KvType::Q8_0);
    assert_eq!(cost.sequence(Tokens(u32::MAX), 512), Bytes(u64::MAX));
}

proptest! {
    #[test]
    fn more_cells_or_sequences_never_cost_less(
        windows in proptest::collection::vec(proptest::option::of(1u32..4096), 1..8),
        cells in 1u64..100_000,
        more in 0u64..100_000,
        sequences in 1u32..256,
        unified: bool,
    ) {
        let layers = windows.into_iter().map(|window| layer(2, window)).collect();
        let cost = KvCost::of(&shape(layers), KvType::F16);
        let layout = if unified { KvLayout::Unified } else { KvLayout::Streams };
        let at = |cells, sequences| {
            cost.cache(CacheShape { layout, cells, sequences, n_ubatch: 512 })
        };
        prop_assert!(at(cells, sequences) <= at(cells + more, sequences));
        prop_assert!(at(cells, sequences) <= at(cells, sequences + 1));
    }
}
