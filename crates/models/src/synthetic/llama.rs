//! The `llama` architecture.

use crate::gguf::GgufBuilder;
use crate::synthetic::{SyntheticModel, ones};

impl SyntheticModel {
    /// A `llama` model: attention in every layer.
    pub fn llama(&self) -> GgufBuilder {
        let mut file = self
            .begin("llama", "output_norm.weight")
            .number(".attention.head_count", self.heads)
            .number(".attention.head_count_kv", self.kv_heads)
            .number(".rope.dimension_count", self.head_length())
            .float(".rope.freq_base", 10_000.0);
        for layer in 0..self.layers {
            file = ones(file, &format!("blk.{layer}.attn_norm.weight"), &[self.width]);
            file = self.attention(file, layer);
            file = self.feed_forward(file, layer);
        }
        file
    }
}
