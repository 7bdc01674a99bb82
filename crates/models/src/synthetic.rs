//! Small synthetic models for llama.cpp, with random weights and random output.
//!
//! Owns: vocabularies ([`Vocabulary`]) and complete GGUF files of a few architectures
//! ([`SyntheticModel`]), for the tests and benchmarks of all crates.
//!
//! Invariants: the same description results in the same bytes; all tensors required by llama.cpp's
//! architecture exist with their shapes, and all numbers are finite, so tokens can be computed.
//!
//! Not used outside of tests and benchmarks.

mod encoder;
mod llama;
mod recurrent;
mod vocabulary;

pub use recurrent::StateSpace;
pub use vocabulary::{TokenKind, Vocabulary};

use crate::gguf::{Fill, GgufBuilder, Metadata, TensorType};

/// Chat template of the starter model.
pub const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' \
                          + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
                          {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Parameters of a model of any architecture; `llama`, `lfm2` and so on build the file.
#[derive(Clone, Debug)]
pub struct SyntheticModel {
    /// Number of layers.
    pub layers: u32,
    /// Width of the residual stream: `heads` × the length of a head.
    pub width: u32,
    /// Query heads of a layer with attention.
    pub heads: u32,
    /// KV heads of a layer with attention.
    pub kv_heads: u32,
    /// Inner width of the feed-forward network.
    pub feed_forward: u32,
    /// Training context in the metadata.
    pub context: u32,
    /// Vocabulary.
    pub vocabulary: Vocabulary,
    /// Chat template; `None` for a base model.
    pub chat_template: Option<String>,
    /// Type of the matrices; norms and other tensors that llama.cpp requires in F32 stay F32.
    pub format: TensorType,
    /// Seed of the random weights.
    pub seed: u64,
}

impl SyntheticModel {
    /// Two layers of width 64, 4 heads, a context of 2,048, bytes as tokens: half a megabyte.
    pub fn tiny() -> Self {
        Self {
            layers: 2,
            width: 64,
            heads: 4,
            kv_heads: 2,
            feed_forward: 128,
            context: 2048,
            vocabulary: Vocabulary::byte_bpe(),
            chat_template: Some(CHATML.to_owned()),
            format: TensorType::F32,
            seed: 1,
        }
    }

    fn head_length(&self) -> u32 {
        self.width / self.heads
    }

    /// Common metadata, the vocabulary, and the tensors outside of the layers.
    fn begin(&self, architecture: &str, output_norm: &str) -> GgufBuilder {
        let mut file = GgufBuilder::new(architecture)
            .text("general.name", "synthetic")
            .number(".context_length", self.context)
            .number(".embedding_length", self.width)
            .number(".block_count", self.layers)
            .number(".feed_forward_length", self.feed_forward)
            .float(".attention.layer_norm_rms_epsilon", 1e-5)
            .number(".vocab_size", self.vocabulary.size());
        file = self.vocabulary.describe(file);
        if let Some(template) = &self.chat_template {
            file = file.text("tokenizer.chat_template", template);
        }
        let rows = self.vocabulary.size();
        file = self.weight(file, "token_embd.weight", &[self.width, rows]);
        file = ones(file, output_norm, &[self.width]);
        self.weight(file, "output.weight", &[self.width, rows])
    }

    /// A matrix of random weights, scaled to preserve the magnitude of activations.
    fn weight(&self, file: GgufBuilder, name: &str, dimensions: &[u32]) -> GgufBuilder {
        let scale = (3.0 / dimensions[0] as f32).sqrt();
        let random = Fill::Random { seed: self.seed, scale };
        file.tensor(name, &to_u64(dimensions), self.format, random)
    }

    /// The feed-forward network of a layer, with a gate.
    fn feed_forward(&self, mut file: GgufBuilder, layer: u32) -> GgufBuilder {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        file = ones(file, &name("ffn_norm"), &[self.width]);
        file = self.weight(file, &name("ffn_gate"), &[self.width, self.feed_forward]);
        file = self.weight(file, &name("ffn_up"), &[self.width, self.feed_forward]);
        self.weight(file, &name("ffn_down"), &[self.feed_forward, self.width])
    }

    /// Queries, keys, values and output of a layer with attention.
    fn attention(&self, mut file: GgufBuilder, layer: u32) -> GgufBuilder {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let kv = self.kv_heads * self.head_length();
        file = self.weight(file, &name("attn_q"), &[self.width, self.width]);
        file = self.weight(file, &name("attn_k"), &[self.width, kv]);
        file = self.weight(file, &name("attn_v"), &[self.width, kv]);
        self.weight(file, &name("attn_output"), &[self.width, self.width])
    }
}

/// A tensor of ones in F32, for norms.
fn ones(file: GgufBuilder, name: &str, dimensions: &[u32]) -> GgufBuilder {
    file.tensor(name, &to_u64(dimensions), TensorType::F32, Fill::Constant(1.0))
}

fn to_u64(dimensions: &[u32]) -> Vec<u64> {
    dimensions.iter().map(|side| u64::from(*side)).collect()
}

/// A list with one number per layer.
fn per_layer(file: GgufBuilder, key: &str, numbers: impl Iterator<Item = u32>) -> GgufBuilder {
    file.with(key, &Metadata::list(numbers.map(Metadata::U32)))
}
