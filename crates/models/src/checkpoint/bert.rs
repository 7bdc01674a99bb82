//! `config.json` of a BERT, and the names of its tensors in both formats.

use serde::Deserialize;

use super::CheckpointError;
use super::weights::{Precision, TensorName};
use crate::gguf::GgufBuilder;

pub(super) const CONFIG: &str = "config.json";

/// Largest number of layers: llama.cpp's `LLAMA_MAX_LAYERS`.
const MAX_LAYERS: u32 = 512;

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    model_type: String,
    hidden_size: u32,
    num_hidden_layers: u32,
    num_attention_heads: u32,
    intermediate_size: u32,
    max_position_embeddings: u32,
    pub(super) vocab_size: u32,
    #[serde(default = "one")]
    type_vocab_size: u32,
    layer_norm_eps: f32,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
}

fn one() -> u32 {
    1
}

fn absolute() -> String {
    "absolute".to_owned()
}

impl Config {
    /// `file` with the sizes of the model.
    ///
    /// # Errors
    /// If llama.cpp does not compute such a model.
    pub(super) fn describe(&self, file: GgufBuilder) -> Result<GgufBuilder, CheckpointError> {
        for (key, found, supported) in [
            ("model_type", &self.model_type, "bert"),
            ("hidden_act", &self.hidden_act, "gelu"),
            ("position_embedding_type", &self.position_embedding_type, "absolute"),
        ] {
            if found != supported {
                let found: String = found.chars().take(64).flat_map(char::escape_default).collect();
                let reason = format!("{key} is `{found}`, expected `{supported}`");
                return Err(CheckpointError::unsupported(CONFIG, reason));
            }
        }
        if !(1..=MAX_LAYERS).contains(&self.num_hidden_layers) {
            let layers = self.num_hidden_layers;
            let reason = format!("num_hidden_layers is {layers}, expected 1 to {MAX_LAYERS}");
            return Err(CheckpointError::unsupported(CONFIG, reason));
        }
        Ok(file
            .number(".block_count", self.num_hidden_layers)
            .number(".context_length", self.max_position_embeddings)
            .number(".embedding_length", self.hidden_size)
            .number(".feed_forward_length", self.intermediate_size)
            .number(".attention.head_count", self.num_attention_heads)
            .float(".attention.layer_norm_epsilon", self.layer_norm_eps)
            .flag(".attention.causal", false)
            .number("tokenizer.ggml.token_type_count", self.type_vocab_size))
    }

    /// All tensors, in the order of the file.
    pub(super) fn tensors(&self) -> Vec<TensorName> {
        use Precision::{Full, Half};
        let name = |ours: &str, theirs: &str, part: &str, precision| TensorName {
            ours: format!("{ours}.{part}"),
            theirs: format!("{theirs}.{part}"),
            precision,
        };
        let mut names = vec![
            name("token_embd", "embeddings.word_embeddings", "weight", Half),
            name("position_embd", "embeddings.position_embeddings", "weight", Full),
            name("token_types", "embeddings.token_type_embeddings", "weight", Full),
            name("token_embd_norm", "embeddings.LayerNorm", "weight", Full),
            name("token_embd_norm", "embeddings.LayerNorm", "bias", Full),
        ];
        for layer in 0..self.num_hidden_layers {
            for (ours, theirs, weight) in [
                ("attn_q", "attention.self.query", Half),
                ("attn_k", "attention.self.key", Half),
                ("attn_v", "attention.self.value", Half),
                ("attn_output", "attention.output.dense", Half),
                ("attn_output_norm", "attention.output.LayerNorm", Full),
                ("ffn_up", "intermediate.dense", Half),
                ("ffn_down", "output.dense", Half),
                ("layer_output_norm", "output.LayerNorm", Full),
            ] {
                let ours = format!("blk.{layer}.{ours}");
                let theirs = format!("encoder.layer.{layer}.{theirs}");
                names.push(name(&ours, &theirs, "weight", weight));
                names.push(name(&ours, &theirs, "bias", Full));
            }
        }
        names
    }
}
