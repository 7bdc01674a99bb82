//! The encoders `bert` and `nomic-bert`.

use super::{SyntheticModel, ones, to_u64};
use crate::gguf::{Fill, GgufBuilder, TensorType};

impl SyntheticModel {
    /// A BERT; `pooling` is GGUF's number. `kv_heads` and the chat template have no effect.
    pub fn bert(&self, pooling: u32) -> GgufBuilder {
        let mut file = self.begin_encoder("bert", pooling);
        file = self.weight(file, "position_embd.weight", &[self.width, self.context]);
        for layer in 0..self.layers {
            file = self.encoder_attention(file, layer);
            file = self.biased(file, layer, "ffn_up", [self.width, self.feed_forward]);
            file = self.biased(file, layer, "ffn_down", [self.feed_forward, self.width]);
        }
        file
    }

    /// A BERT with rotated positions, a gate and no biases.
    pub fn nomic_bert(&self, pooling: u32) -> GgufBuilder {
        let mut file = self.begin_encoder("nomic-bert", pooling).float(".rope.freq_base", 1000.0);
        for layer in 0..self.layers {
            file = self.encoder_attention(file, layer);
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            file = self.weight(file, &name("ffn_up"), &[self.width, self.feed_forward]);
            file = self.weight(file, &name("ffn_gate"), &[self.width, self.feed_forward]);
            file = self.weight(file, &name("ffn_down"), &[self.feed_forward, self.width]);
        }
        file
    }

    fn begin_encoder(&self, architecture: &str, pooling: u32) -> GgufBuilder {
        let file = GgufBuilder::new(architecture)
            .text("general.name", "synthetic")
            .number(".context_length", self.context)
            .number(".embedding_length", self.width)
            .number(".block_count", self.layers)
            .number(".feed_forward_length", self.feed_forward)
            .number(".attention.head_count", self.heads)
            .float(".attention.layer_norm_epsilon", 1e-12)
            .flag(".attention.causal", false)
            .number(".pooling_type", pooling);
        let mut file = self.vocabulary.describe(file);
        file = self.weight(file, "token_embd.weight", &[self.width, self.vocabulary.size()]);
        file = file.tensor("token_types.weight", &to_u64(&[self.width, 2]), TensorType::F32, ZEROS);
        norm(file, "token_embd_norm", self.width)
    }

    fn encoder_attention(&self, mut file: GgufBuilder, layer: u32) -> GgufBuilder {
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
            file = self.biased(file, layer, part, [self.width, self.width]);
        }
        file = norm(file, &format!("blk.{layer}.attn_output_norm"), self.width);
        norm(file, &format!("blk.{layer}.layer_output_norm"), self.width)
    }

    fn biased(&self, file: GgufBuilder, layer: u32, part: &str, sides: [u32; 2]) -> GgufBuilder {
        let file = self.weight(file, &format!("blk.{layer}.{part}.weight"), &sides);
        let bias = format!("blk.{layer}.{part}.bias");
        file.tensor(&bias, &to_u64(&sides[1..]), TensorType::F32, ZEROS)
    }
}

const ZEROS: Fill = Fill::Constant(0.0);

/// A norm without a scale or a shift.
fn norm(file: GgufBuilder, name: &str, width: u32) -> GgufBuilder {
    let file = ones(file, &format!("{name}.weight"), &[width]);
    file.tensor(&format!("{name}.bias"), &to_u64(&[width]), TensorType::F32, ZEROS)
}
