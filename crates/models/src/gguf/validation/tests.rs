//! Each rule against a file that violates only it.

use std::collections::BTreeSet;

use super::*;
use crate::gguf::{Fill, GgufBuilder, Metadata, TensorType, shape};
use crate::synthetic::{StateSpace, SyntheticModel, TokenKind, Vocabulary};

fn validated(file: &GgufBuilder) -> Result<(), String> {
    let bytes = file.bytes();
    let header = Header::read(&bytes[..], bytes.len() as u64).map_err(|error| error.to_string())?;
    shape(&header).map(|_| ()).map_err(|error| error.to_string())
}

/// Asserts that `file` is rejected with an error that names `key`.
#[track_caller]
fn refused(file: &GgufBuilder, key: &str) {
    let error = validated(file).expect_err(key);
    assert!(error.contains(&format!("`{key}`")), "{key}: {error}");
}

fn tiny() -> GgufBuilder {
    SyntheticModel::tiny().llama()
}

const STATE: StateSpace = StateSpace {
    conv_kernel: 4,
    inner_size: 128,
    state_size: 32,
    time_step_rank: 4,
    group_count: 2,
};

#[test]
fn synthetic_models_are_valid() {
    let model = SyntheticModel { layers: 4, ..SyntheticModel::tiny() };
    let spm = SyntheticModel { vocabulary: Vocabulary::spm(), ..model.clone() };
    for file in [
        model.llama(),
        spm.llama(),
        model.lfm2(3, |layer| layer % 2 == 1),
        model.mamba2(STATE),
        model.falcon_h1(STATE),
        model.granite_hybrid(STATE, |layer| layer == 1),
        model.qwen35(STATE),
    ] {
        validated(&file).expect("sound");
    }
}

/// An invalid value for each row of the table is rejected.
#[test]
fn every_range_is_enforced() {
    let floats = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0].map(Metadata::F32);
    let whole = [Metadata::U32(u32::MAX), Metadata::I32(-1), Metadata::text("many")];
    let mut left: BTreeSet<&str> = ranges::table().collect();
    for key in ranges::table() {
        let dotted = format!(".{key}");
        let full = format!("llama.{key}");
        let values: &[Metadata] = match key {
            "rope.scaling.type" => &[Metadata::text("magic"), Metadata::U32(1)],
            "attention.causal" => &[Metadata::Bool(false), Metadata::U32(0)],
            "logit_scale" => &floats[..3],
            _ if key.contains("epsilon")
                || key.starts_with("rope.freq")
                || key.starts_with("rope.scal")
                    && key != "rope.scaling.original_context_length"
                || matches!(
                    key,
                    "attention.max_alibi_bias" | "attention.clamp_kqv" | "attention.scale"
                ) =>
            {
                &floats
            }
            _ => &whole,
        };
        for value in values {
            refused(&tiny().with(&dotted, value), &full);
            // The range applies to elements of a list as well.
            let list = Metadata::list([value.clone(), value.clone()]);
            refused(&tiny().with(&dotted, &list), &full);
        }
        left.remove(key);
    }
    assert!(left.is_empty());
    refused(&tiny().float(".rope.freq_base", 0.0), "llama.rope.freq_base");
    refused(
        &tiny().float(".attention.layer_norm_rms_epsilon", -1e-9),
        "llama.attention.layer_norm_rms_epsilon",
    );
    refused(&tiny().number(".context_length", 0), "llama.context_length");
    refused(&tiny().number(".pooling_type", 9), "llama.pooling_type");
    refused(&tiny().number(".expert_gating_func", 7), "llama.expert_gating_func");
    refused(&tiny().number(".full_attention_interval", 0), "llama.full_attention_interval");
}

#[test]
fn numbers_outside_the_table_are_finite_too() {
    refused(&tiny().float(".of_tomorrow", f32::NAN), "llama.of_tomorrow");
    let list = Metadata::list([Metadata::F32(1.0), Metadata::F32(f32::INFINITY)]);
    refused(&tiny().with(".of_tomorrow", &list), "llama.of_tomorrow");
    validated(&tiny().float("training.loss", f32::NAN)).expect("not the model's");
}

#[test]
fn layers_are_within_the_limits() {
    refused(&tiny().number(".block_count", 0), "llama.block_count");
    refused(&tiny().number(".block_count", 513), "llama.block_count");
    refused(&tiny().number(".nextn_predict_layers", 2), "llama.nextn_predict_layers");
    refused(&tiny().number(".nextn_predict_layers", 3), "llama.nextn_predict_layers");
}

#[test]
fn kv_heads_divide_query_heads() {
    for kv_heads in [3, 5, 8] {
        let file = tiny().number(".attention.head_count_kv", kv_heads);
        refused(&file, "llama.attention.head_count_kv");
    }
    let file = tiny().numbers(".attention.head_count_kv", &[2, 3]);
    refused(&file, "llama.attention.head_count_kv");
    let file = tiny().numbers(".attention.head_count", &[4, 0]);
    refused(&file, "llama.attention.head_count_kv");
    let file = tiny().number(".attention.value_length", 8);
    refused(&file, "llama.attention.value_length");
    let file = tiny().number(".attention.key_length", 24).number(".attention.value_length", 16);
    refused(&file, "llama.attention.value_length");
}

#[test]
fn the_rotated_part_is_within_a_head() {
    for rotated in [15, 18, 2, 0] {
        refused(&tiny().number(".rope.dimension_count", rotated), "llama.rope.dimension_count");
    }
    let falcon = SyntheticModel::tiny().falcon_h1(STATE).number(".rope.dimension_count", 0);
    refused(&falcon, "falcon-h1.rope.dimension_count");
    let sections = "qwen35.rope.dimension_sections";
    let qwen = SyntheticModel { layers: 4, ..SyntheticModel::tiny() }.qwen35(STATE);
    refused(&qwen.numbers(sections, &[0, 0, 0, 4]), sections);
    let odd = tiny().number(".attention.key_length", 15).number(".attention.value_length", 15);
    refused(&odd.without(".rope.dimension_count"), "llama.attention.key_length");
}

#[test]
fn experts_and_their_groups_match() {
    let mixture = || tiny().number(".expert_count", 8).number(".expert_used_count", 2);
    validated(&mixture()).expect("sound");
    refused(&mixture().number(".expert_used_count", 9), "llama.expert_used_count");
    refused(&mixture().number(".expert_used_count", 0), "llama.expert_used_count");
    refused(&tiny().number(".expert_used_count", 1), "llama.expert_used_count");
    refused(&mixture().number(".expert_group_count", 8), "llama.expert_group_count");
    refused(&mixture().number(".expert_group_count", 3), "llama.expert_group_count");
    refused(&mixture().number(".expert_group_count", 2), "llama.expert_group_used_count");
    refused(&tiny().number(".expert_group_count", 1), "llama.expert_group_count");
    let used_all = mixture().number(".expert_group_count", 2).number(".expert_group_used_count", 2);
    refused(&used_all, "llama.expert_group_used_count");
}

#[test]
fn sizes_of_states_divide_each_other() {
    let model = SyntheticModel { layers: 4, ..SyntheticModel::tiny() };
    let mamba = || model.mamba2(STATE);
    for (key, value) in
        [("group_count", 0), ("group_count", 3), ("time_step_rank", 0), ("time_step_rank", 5)]
    {
        let file = mamba().number(&format!(".ssm.{key}"), value);
        refused(&file, &format!("mamba2.ssm.{key}"));
    }
    let file = mamba().number(".ssm.state_size", 1 << 16).number(".ssm.inner_size", 1 << 20);
    refused(&file, "mamba2.ssm.state_size");
    refused(&model.qwen35(STATE).number(".ssm.state_size", 16), "qwen35.ssm.inner_size");
    let odd = StateSpace { inner_size: 64, ..STATE };
    refused(&model.granite_hybrid(odd, |_| false), "granitehybrid.ssm.inner_size");
    refused(&model.lfm2(1, |layer| layer == 0), "lfm2.shortconv.l_cache");
    refused(&GgufBuilder::skeleton("rwkv7", 2).number(".wkv.head_size", 7), "rwkv7.wkv.head_size");
    refused(&GgufBuilder::skeleton("rwkv7", 2).number(".wkv.head_size", 0), "rwkv7.wkv.head_size");
}

#[test]
fn architectures_without_text_generation_are_rejected() {
    for architecture in NOT_SERVABLE {
        refused(&GgufBuilder::skeleton(architecture, 2), "general.architecture");
    }
}

#[test]
fn a_vocabulary_is_complete() {
    let tokens = |texts: &[&str]| Metadata::texts(texts.iter().copied());
    let key = "tokenizer.ggml.tokens";
    refused(&tiny().with(key, &Metadata::list([])), key);
    refused(&tiny().number(key, 259), key);
    refused(&tiny().numbers(key, &[1; 259]), key);
    // The second text ends at its NUL, the third is replaced by llama.cpp.
    refused(&tiny().with(key, &tokens(&["a", "a"])), key);
    refused(&tiny().with(key, &tokens(&["a", "a\0b"])), key);
    refused(&tiny().with(key, &tokens(&["", "[EMPTY_0]"])), key);
    for wrong in ["none", "no_vocab", "test", "bert", "t5", "magic"] {
        refused(&tiny().text("tokenizer.ggml.model", wrong), "tokenizer.ggml.model");
    }
    refused(&tiny().without("tokenizer.ggml.model"), "tokenizer.ggml.model");
    refused(&tiny().without("tokenizer.ggml.merges"), "tokenizer.ggml.merges");
    refused(&tiny().numbers("tokenizer.ggml.merges", &[1]), "tokenizer.ggml.merges");
    let short = Metadata::list([Metadata::I32(1)]);
    refused(&tiny().with("tokenizer.ggml.token_type", &short), "tokenizer.ggml.token_type");
    let wide = Metadata::list((0..259).map(|_| Metadata::U8(1)));
    refused(&tiny().with("tokenizer.ggml.token_type", &wide), "tokenizer.ggml.token_type");
    let scores = Metadata::list([Metadata::F32(1.0)]);
    refused(&tiny().with("tokenizer.ggml.scores", &scores), "tokenizer.ggml.scores");
}

/// Long lists are not kept, but validated.
#[test]
fn a_long_vocabulary_is_validated_like_a_short_one() {
    let long = |change: fn(Vocabulary) -> Vocabulary| {
        let mut vocabulary = Vocabulary::byte_bpe();
        for number in 0..5000 {
            vocabulary = vocabulary.token(&format!("t{number}"), TokenKind::Normal);
        }
        let vocabulary = change(vocabulary);
        SyntheticModel { vocabulary, ..SyntheticModel::tiny() }.llama()
    };
    validated(&long(|vocabulary| vocabulary)).expect("sound");
    let odd = long(|vocabulary| vocabulary.token("<0x4>", TokenKind::Byte));
    refused(&odd, "tokenizer.ggml.token_type");
    let twice = long(|vocabulary| vocabulary.token("t7\0", TokenKind::Normal));
    refused(&twice, "tokenizer.ggml.tokens");
}

#[test]
fn fallback_tokens_of_a_tokenizer_exist() {
    // Byte tokens without their byte, and a vocabulary without byte tokens.
    let odd = Vocabulary::byte_bpe().token("x1", TokenKind::Byte);
    let file = SyntheticModel { vocabulary: odd, ..SyntheticModel::tiny() }.llama();
    refused(&file, "tokenizer.ggml.token_type");
    refused(&tiny().text("tokenizer.ggml.model", "llama"), "tokenizer.ggml.tokens");
}

#[test]
fn special_tokens_are_within_the_vocabulary() {
    for name in ["bos", "eos", "padding", "unknown", "eot", "fim_pre"] {
        let key = format!("tokenizer.ggml.{name}_token_id");
        refused(&tiny().number(&key, 259), &key);
        refused(&tiny().with(&key, &Metadata::I32(-1)), &key);
        refused(&tiny().text(&key, "1"), &key);
        // Absent, as in published files.
        validated(&tiny().number(&key, u32::MAX)).expect("none");
    }
    // llama.cpp's default ID, 11, is not in this vocabulary.
    let few = tiny()
        .with("tokenizer.ggml.tokens", &Metadata::texts(["a", "b", "c"]))
        .without("tokenizer.ggml.bos_token_id")
        .number("tokenizer.ggml.eos_token_id", 1)
        .number("tokenizer.ggml.padding_token_id", 1)
        .number("tokenizer.ggml.unknown_token_id", 1)
        .flag("tokenizer.ggml.add_bos_token", true);
    refused(&few, "tokenizer.ggml.bos_token_id");
}

#[test]
fn types_without_a_kernel_are_rejected() {
    for kind in NO_PRODUCT_OR_F32_ONLY {
        let dimensions: &[u64] = if kind == TensorType::Q8_K { &[256, 64] } else { &[64, 64] };
        let file = tiny().tensor("blk.0.attn_q.weight", dimensions, kind, Fill::Constant(0.0));
        refused(&file, "blk.0.attn_q.weight");
    }
    for (name, dimensions) in [("output_norm.weight", vec![64]), ("blk.0.attn_q.bias", vec![64])] {
        for kind in [TensorType::F16, TensorType::BF16, TensorType::Q8_0] {
            refused(&tiny().tensor(name, &dimensions, kind, Fill::Constant(1.0)), name);
        }
    }
    let model = SyntheticModel::tiny();
    let conv = "blk.0.ssm_conv1d.weight";
    let file = model.mamba2(STATE).tensor(conv, &[4, 256], TensorType::F16, Fill::Constant(0.0));
    refused(&file, conv);
}

const NO_PRODUCT_OR_F32_ONLY: [TensorType; 7] = [
    TensorType::I8,
    TensorType::I16,
    TensorType::I32,
    TensorType::I64,
    TensorType::F64,
    TensorType::Q8_1,
    TensorType::Q8_K,
];

#[test]
fn the_embedding_has_one_row_per_token() {
    for dimensions in [[64, 258], [64, 260], [32, 259]] {
        let file =
            tiny().tensor("token_embd.weight", &dimensions, TensorType::F32, Fill::Constant(0.0));
        refused(&file, "token_embd.weight");
    }
}
