//! The reader against good, damaged, hostile and arbitrary bytes.

use harmonic_types::{Bytes, Provenance, Tokens};
use proptest::prelude::*;

use crate::gguf::synthetic::GgufBuilder;
use crate::gguf::{GgufError, Header, TensorType, Value, shape};

fn read(bytes: &[u8]) -> Result<Header, GgufError> {
    let header = Header::read(bytes, bytes.len() as u64)?;
    header.check_length(bytes.len() as u64)?;
    Ok(header)
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).expect_err("must be refused").to_string()
}

#[test]
fn a_small_file_is_read_completely() {
    for version in [2, 3] {
        let mut file = GgufBuilder::tiny().text("tokenizer.chat_template", "{{ x }}");
        file.version = version;
        let bytes = file.bytes();
        let header = read(&bytes).expect("readable");
        assert_eq!(header.version, version);
        assert_eq!(header.data_offset, file.header().len() as u64);
        assert_eq!(header.chat_template(), Some("{{ x }}"));
        assert_eq!(header.tensors[0].name, "token_embd.weight");
        assert_eq!(header.tensors[0].kind, TensorType::Q4_1);
        assert_eq!(header.tensors[0].bytes, 32 * 16 / 32 * 20);

        let shape = shape(&header).expect("a shape");
        assert_eq!(shape.layers.len(), 2);
        assert_eq!((shape.layers[0].kv_heads, shape.layers[0].key_length), (2, 8));
        assert_eq!(shape.parameters, 32 * 16 * 2 + 32);
        assert_eq!(shape.weights_bytes, Bytes(2 * 320 + 128));
        assert_eq!(shape.format, "Q4_1");
        assert_eq!((shape.vocabulary, shape.context_trained), (16, Tokens(128)));
        assert_eq!(shape.experts, None);
        assert_eq!(shape.provenance, Provenance::Measured);
    }
}

#[test]
fn every_truncation_is_detected() {
    let bytes = GgufBuilder::tiny().bytes();
    for end in 0..bytes.len() {
        let error = read(&bytes[..end]).expect_err("cut");
        let truncated =
            matches!(error, GgufError::Truncated { .. } | GgufError::DataTruncated { .. });
        assert!(truncated, "cut at {end}: {error}");
    }
}

#[test]
fn errors_state_the_cause_and_the_offset() {
    insta::assert_snapshot!(refusal(b"#!/bin/sh\n"), @"it is not a GGUF file (byte 0: expected `GGUF`, found \"#!/b\"): convert the model to GGUF first, or give another file");
    insta::assert_snapshot!(refusal(b"GG"), @"it is truncated: expected 4 bytes of the magic number at byte 0, but the file ends at 2; download it again");
    insta::assert_snapshot!(refusal(b"GGUF\x01\0\0\0"), @"it has GGUF version 1 (byte 4), expected 2 or 3: use a newer file");
    insta::assert_snapshot!(refusal(b"GGUF\0\0\0\x03"), @"it is a big-endian GGUF file (byte 4): use the little-endian one");
    let bytes = GgufBuilder::tiny().bytes();
    insta::assert_snapshot!(refusal(&bytes[..bytes.len() - 1]), @"it is truncated: the tensor `output_norm.weight` ends at byte 1504, the file at 1503; download it again");
}

#[test]
fn implausible_lengths_are_rejected_before_memory_is_allocated() {
    let huge = u64::MAX.to_le_bytes();
    let mut many_tensors = GgufBuilder::tiny().bytes();
    many_tensors[8..16].copy_from_slice(&huge);
    assert!(matches!(read(&many_tensors), Err(GgufError::TooLarge { .. })));

    let list = |kind: u32| [&kind.to_le_bytes()[..], &huge].concat();
    for kind in [0, 4, 8, 12] {
        let bytes = GgufBuilder::tiny().raw("x", 9, &list(kind)).bytes();
        assert!(matches!(read(&bytes), Err(GgufError::Truncated { .. })), "{kind}");
    }
    let long_text = GgufBuilder::tiny().raw("x", 8, &huge).bytes();
    assert!(matches!(read(&long_text), Err(GgufError::Truncated { .. })));

    // A wrong total length does not make a short file dangerous.
    let bytes = GgufBuilder::tiny().raw("x", 8, &(1_u64 << 40).to_le_bytes()).bytes();
    assert!(matches!(Header::read(&bytes[..], u64::MAX), Err(GgufError::TooLarge { .. })));
}

#[test]
fn contradictions_are_rejected() {
    let nested = [9_u32, 9, 9].map(u32::to_le_bytes).iter().fold(Vec::new(), |mut all, kind| {
        all.extend_from_slice(kind);
        all.extend_from_slice(&1_u64.to_le_bytes());
        all
    });
    let tiny = GgufBuilder::tiny;
    for (bytes, word) in [
        (tiny().raw("x", 13, &[]).bytes(), "invalid type 13 of a metadata value"),
        (tiny().raw("x", 9, &nested).bytes(), "nested too deeply"),
        (tiny().number("general.alignment", 0).bytes(), "power of two"),
        (tiny().number("general.alignment", 33).bytes(), "power of two"),
        (tiny().matrix("m", &[16, 2], TensorType::Q4_0).bytes(), "expected a multiple of 32"),
        (tiny().matrix("m", &[0, 2], TensorType::F32).bytes(), "invalid dimensions"),
    ] {
        let error = refusal(&bytes);
        assert!(error.contains(word), "{error}");
    }
    // The builder cannot create such a tensor, so the dimensions of a small one are overwritten.
    let small = tiny().matrix("m", &[777, 7, 7, 7], TensorType::F32).bytes();
    let at = small.windows(8).position(|bytes| bytes == 777_u64.to_le_bytes()).expect("there");
    let mut bytes = small;
    bytes[at..at + 32].copy_from_slice(&[0xff; 32]);
    assert!(refusal(&bytes).contains("invalid dimensions"));
}

#[test]
fn a_duplicate_key_is_rejected() {
    let file = GgufBuilder::tiny().number("aaaa", 1).number("aaab", 2).bytes();
    let at = file.windows(4).position(|bytes| bytes == b"aaab").expect("there");
    let mut bytes = file;
    bytes[at + 3] = b'a';
    assert!(refusal(&bytes).contains("duplicate metadata key `aaaa`"));
}

#[test]
fn of_long_arrays_only_the_length_is_kept() {
    let file = GgufBuilder::skeleton("llama", 2).texts("tokenizer.ggml.tokens", 5000);
    let bytes = file.bytes();
    let header = read(&bytes).expect("readable");
    let expected = Value::Array { length: 5000, elements: Vec::new() };
    assert_eq!(header.metadata["tokenizer.ggml.tokens"], expected);
    assert_eq!(shape(&header).expect("a shape").vocabulary, 5000);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes).map(|header| shape(&header));
    }

    #[test]
    fn bytes_after_a_valid_prefix_never_panic(
        version in 2..4_u32,
        counts in proptest::array::uniform2(0..9_u64),
        rest in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..600),
    ) {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
        bytes.extend(rest);
        let _ = read(&bytes).map(|header| shape(&header));
    }

    #[test]
    fn damaged_headers_never_panic(
        architecture in prop_oneof![
            Just("gemma3"), Just("llama4"), Just("qwen35"), Just("deepseek2"), Just("gemma4"),
        ],
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let file = GgufBuilder::skeleton(architecture, 7)
            .number(".attention.sliding_window", 64)
            .number(".nextn_predict_layers", 1)
            .number(".expert_count", 8)
            .number(".expert_used_count", 2)
            .numbers(".attention.head_count_kv", &[1, 0, 1, 0, 1, 0, 1])
            .flags(".attention.sliding_window_pattern", &[true; 7])
            .matrix("blk.0.ffn_up_exps.weight", &[32, 8, 8], TensorType::Q8_0);
        let mut bytes = file.bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes).map(|header| shape(&header));
    }

    #[test]
    fn a_reader_that_ends_early_never_panics(
        cut in any::<prop::sample::Index>(),
        claimed in any::<u64>(),
    ) {
        let bytes = GgufBuilder::tiny().bytes();
        let cut = cut.index(GgufBuilder::tiny().header().len() - 32);
        prop_assert!(Header::read(&bytes[..cut], claimed).is_err());
    }
}

/// The geometry of each architecture.
mod geometry {
    use super::*;

    fn windows(file: &GgufBuilder) -> Vec<u32> {
        let shape = shape(&read(&file.bytes()).expect("readable")).expect("a shape");
        shape.layers.iter().map(|layer| layer.window.map_or(0, |window| window.0)).collect()
    }

    fn kv_heads(file: &GgufBuilder) -> Vec<u32> {
        let shape = shape(&read(&file.bytes()).expect("readable")).expect("a shape");
        shape.layers.iter().map(|layer| layer.kv_heads).collect()
    }

    #[test]
    fn windows_depend_on_the_architecture() {
        const W: &str = ".attention.sliding_window";
        let file = |architecture: &str, layers| GgufBuilder::skeleton(architecture, layers);
        assert_eq!(windows(&file("gemma3", 7).number(W, 512)), [512, 512, 512, 512, 512, 0, 512]);
        assert_eq!(windows(&file("gemma3", 2)), [0, 0], "no key, no window");
        assert_eq!(windows(&file("gemma2", 4)), [4096, 0, 4096, 0], "a window of its own");
        assert_eq!(windows(&file("gpt-oss", 4).number(W, 128)), [128, 0, 128, 0]);
        assert_eq!(windows(&file("cohere2", 5).number(W, 9)), [9, 9, 9, 0, 9]);
        assert_eq!(windows(&file("llama4", 5)), [8192, 8192, 8192, 0, 8192], "chunks");
        assert_eq!(windows(&file("llama4", 2).number(W, 0)), [0, 0], "chunks switched off");
        assert_eq!(windows(&file("smallthinker", 5).number(W, 1)), [0, 4096, 4096, 4096, 0]);
        assert_eq!(windows(&file("lfm2", 2).number(W, 64)), [64, 64]);
        for ignores_it in ["llama", "qwen2", "phi3", "exaone4"] {
            assert_eq!(windows(&file(ignores_it, 2).number(W, 64)), [0, 0], "{ignores_it}");
        }
    }

    #[test]
    fn the_pattern_of_the_file_has_precedence() {
        const P: &str = ".attention.sliding_window_pattern";
        let file = || GgufBuilder::skeleton("gemma3", 4).number(".attention.sliding_window", 64);
        assert_eq!(windows(&file().flags(P, &[true, false, true, true])), [64, 0, 64, 64]);
        assert_eq!(windows(&file().number(P, 2)), [64, 0, 64, 0]);
        assert_eq!(windows(&file().number(P, 0)), [64; 4], "0 is: all of them");
        let unknown =
            GgufBuilder::skeleton("not-yet-known", 2).number(".attention.sliding_window", 64);
        assert_eq!(windows(&unknown), [0, 0]);
        assert_eq!(windows(&unknown.flags(P, &[false, true])), [0, 64]);
        let wrong = file().flags(P, &[true]).bytes();
        let error = shape(&read(&wrong).expect("readable")).expect_err("wrong length").to_string();
        assert!(error.contains("has 1 entries for 4 layers"), "{error}");
    }

    #[test]
    fn layers_without_a_cache_have_no_heads() {
        let jamba =
            GgufBuilder::skeleton("jamba", 3).numbers(".attention.head_count_kv", &[0, 2, 0]);
        assert_eq!(kv_heads(&jamba), [0, 2, 0]);
        assert_eq!(kv_heads(&GgufBuilder::skeleton("mamba", 2)), [0, 0]);
        let shared = GgufBuilder::skeleton("gemma3n", 22).number(".attention.sliding_window", 9);
        assert_eq!(kv_heads(&shared), [[2; 20].as_slice(), &[0, 0]].concat());
        let gemma4 = GgufBuilder::skeleton("gemma4", 3).number(".attention.shared_kv_layers", 2);
        assert_eq!(kv_heads(&gemma4), [2, 0, 0]);
        // Every fourth layer is an attention layer; the prediction layer is not part of the trunk.
        let hybrid = GgufBuilder::skeleton("qwen35", 5).number(".nextn_predict_layers", 1);
        assert_eq!(kv_heads(&hybrid), [0, 0, 0, 2, 0]);
    }

    #[test]
    fn head_lengths_may_differ_by_kind_of_layer() {
        let file = GgufBuilder::skeleton("gemma4", 2)
            .number(".attention.sliding_window", 64)
            .flags(".attention.sliding_window_pattern", &[true, false])
            .number(".attention.key_length", 512)
            .number(".attention.value_length", 512)
            .number(".attention.key_length_swa", 256)
            .number(".attention.value_length_swa", 256);
        let shape = shape(&read(&file.bytes()).expect("readable")).expect("a shape");
        let lengths = shape.layers.iter().map(|layer| (layer.key_length, layer.value_length));
        assert_eq!(lengths.collect::<Vec<_>>(), [(256, 256), (512, 512)]);
    }

    #[test]
    fn latent_attention_caches_only_the_compressed_key() {
        let old = GgufBuilder::skeleton("deepseek2", 1)
            .number(".attention.head_count_kv", 1)
            .number(".attention.kv_lora_rank", 512)
            .number(".attention.key_length", 576)
            .number(".attention.value_length", 512);
        let lengths = |file: &GgufBuilder| {
            let shape = shape(&read(&file.bytes()).expect("readable")).expect("a shape");
            (shape.layers[0].kv_heads, shape.layers[0].key_length, shape.layers[0].value_length)
        };
        assert_eq!(lengths(&old), (1, 576, 512), "without the _mla keys llama.cpp caches both");
        let new =
            old.number(".attention.key_length_mla", 192).number(".attention.value_length_mla", 128);
        assert_eq!(lengths(&new), (1, 576, 0));
    }

    #[test]
    fn idle_experts_are_not_active_parameters() {
        let file = GgufBuilder::skeleton("qwen3moe", 1)
            .number(".expert_count", 8)
            .number(".expert_used_count", 2)
            .matrix("token_embd.weight", &[32, 16], TensorType::F16)
            .matrix("blk.0.ffn_up_exps.weight", &[32, 4, 8], TensorType::Q8_0)
            .matrix("blk.0.ffn_up_shexp.weight", &[32, 4], TensorType::Q8_0);
        let shape = shape(&read(&file.bytes()).expect("readable")).expect("a shape");
        assert_eq!(shape.experts, Some((8, 2)));
        assert_eq!(shape.parameters, 512 + 1024 + 128);
        assert_eq!(shape.parameters_active, 512 + 256 + 128);
        assert_eq!(shape.format, "Q8_0");
    }

    #[test]
    fn the_feed_forward_width_is_that_of_one_token() {
        let width = |file: &GgufBuilder| {
            shape(&read(&file.bytes()).expect("readable")).expect("a shape").feed_forward_length
        };
        let dense = || GgufBuilder::skeleton("gemma3n", 2).matrix("a", &[32, 10], TensorType::F16);
        assert_eq!(width(&dense()), 0, "recurrent models have none");
        assert_eq!(width(&dense().number(".feed_forward_length", 96)), 96);
        assert_eq!(width(&dense().numbers(".feed_forward_length", &[64, 128])), 128);
        let mixture = || {
            let of_eight = dense().number(".expert_count", 8).number(".expert_used_count", 2);
            of_eight.number(".feed_forward_length", 96)
        };
        assert_eq!(width(&mixture()), 2 * 96);
        let apart = || mixture().number(".expert_feed_forward_length", 24);
        assert_eq!(width(&apart()), 2 * 24);
        assert_eq!(width(&apart().number(".expert_shared_feed_forward_length", 40)), 2 * 24 + 40);
    }

    #[test]
    fn a_missing_key_is_named() {
        for key in [".block_count", ".embedding_length", ".context_length"] {
            let bytes = GgufBuilder::tiny().without(key).bytes();
            let error = shape(&read(&bytes).expect("readable")).expect_err(key).to_string();
            assert!(error.contains(&format!("`llama{key}` is missing")), "{error}");
        }
        let none = GgufBuilder::tiny().number(".block_count", 0).bytes();
        assert!(shape(&read(&none).expect("readable")).is_err());
    }
}
