//! The smallest files with a valid shape.

use crate::gguf::tensor::TensorType;

pub(crate) use crate::gguf::writer::GgufBuilder;
use crate::gguf::writer::Metadata;

impl GgufBuilder {
    /// A minimal model: two layers, 4 heads of 8, 2 KV heads, 16 tokens.
    pub(crate) fn tiny() -> Self {
        Self::skeleton("llama", 2)
            .matrix("token_embd.weight", &[32, 16], TensorType::Q4_1)
            .matrix("blk.0.attn_k.weight", &[32, 16], TensorType::Q4_1)
            .matrix("output_norm.weight", &[32], TensorType::F32)
    }

    /// Metadata of a model of any architecture.
    pub(crate) fn skeleton(architecture: &str, layers: u32) -> Self {
        Self::new(architecture)
            .number(".block_count", layers)
            .number(".embedding_length", 32)
            .number(".context_length", 128)
            .number(".attention.head_count", 4)
            .number(".attention.head_count_kv", 2)
            .text("tokenizer.ggml.model", "gpt2")
            .texts("tokenizer.ggml.tokens", 16)
            .texts("tokenizer.ggml.merges", 1)
    }

    /// A list of numbers as texts.
    pub(crate) fn texts(self, key: &str, count: usize) -> Self {
        self.with(key, &Metadata::texts((0..count).map(|index| index.to_string())))
    }
}
