//! Architectures with recurrent layers, whose state has a fixed size instead of growing with the
//! context.

use crate::gguf::{Fill, GgufBuilder, TensorType};
use crate::synthetic::{SyntheticModel, ones, per_layer, to_u64};

/// Sizes of a layer's recurrent state, named after GGUF's `ssm.` keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSpace {
    /// Width of the convolution over time.
    pub conv_kernel: u32,
    /// Inner width.
    pub inner_size: u32,
    /// Length of a state.
    pub state_size: u32,
    /// Rank of the time step; since Mamba 2 the number of heads.
    pub time_step_rank: u32,
    /// Number of groups.
    pub group_count: u32,
}

impl StateSpace {
    fn describe(&self, file: GgufBuilder) -> GgufBuilder {
        file.number(".ssm.conv_kernel", self.conv_kernel)
            .number(".ssm.inner_size", self.inner_size)
            .number(".ssm.state_size", self.state_size)
            .number(".ssm.time_step_rank", self.time_step_rank)
            .number(".ssm.group_count", self.group_count)
    }
}

fn constant(file: GgufBuilder, name: &str, dimensions: &[u32], number: f32) -> GgufBuilder {
    file.tensor(name, &to_u64(dimensions), TensorType::F32, Fill::Constant(number))
}

impl SyntheticModel {
    /// An `lfm2` model: attention in the layers selected by `attends`, in the others a
    /// convolution over the last `window` tokens.
    pub fn lfm2(&self, window: u32, attends: impl Fn(u32) -> bool) -> GgufBuilder {
        let mut file = self
            .begin("lfm2", "token_embd_norm.weight")
            .number(".attention.head_count", self.heads)
            .number(".shortconv.l_cache", window)
            .float(".rope.freq_base", 10_000.0);
        let kv_heads = |layer| if attends(layer) { self.kv_heads } else { 0 };
        file = per_layer(file, ".attention.head_count_kv", (0..self.layers).map(kv_heads));
        for layer in 0..self.layers {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            file = ones(file, &name("attn_norm"), &[self.width]);
            if attends(layer) {
                file = ones(file, &name("attn_q_norm"), &[self.head_length()]);
                file = ones(file, &name("attn_k_norm"), &[self.head_length()]);
                file = self.attention(file, layer);
            } else {
                file = constant(file, &name("shortconv.conv"), &[window, self.width], 0.25);
                file = self.weight(file, &name("shortconv.in_proj"), &[self.width, 3 * self.width]);
                file = self.weight(file, &name("shortconv.out_proj"), &[self.width, self.width]);
            }
            file = self.feed_forward(file, layer);
        }
        file
    }

    /// A `mamba2` model: no attention.
    pub fn mamba2(&self, state: StateSpace) -> GgufBuilder {
        let mut file = state.describe(self.begin("mamba2", "output_norm.weight"));
        for layer in 0..self.layers {
            file = ones(file, &format!("blk.{layer}.attn_norm.weight"), &[self.width]);
            file = self.mamba2_mixer(file, layer, state);
        }
        file
    }

    /// A `falcon-h1` model: attention and a state in parallel in every layer.
    pub fn falcon_h1(&self, state: StateSpace) -> GgufBuilder {
        let mut file = state
            .describe(self.begin("falcon-h1", "output_norm.weight"))
            .number(".attention.head_count", self.heads)
            .number(".attention.head_count_kv", self.kv_heads)
            .number(".attention.key_length", self.head_length())
            .number(".attention.value_length", self.head_length());
        for layer in 0..self.layers {
            file = ones(file, &format!("blk.{layer}.attn_norm.weight"), &[self.width]);
            file = self.mamba2_mixer(file, layer, state);
            file = self.attention(file, layer);
            file = self.feed_forward(file, layer);
            // Spelled without `.weight` in this architecture.
            let norm = format!("blk.{layer}.ffn_norm");
            file = ones(file.without_tensor(&format!("{norm}.weight")), &norm, &[self.width]);
        }
        file
    }

    /// A `granitehybrid` model: attention in the layers selected by `attends`, a state in the
    /// others. The inner size must be twice the width.
    pub fn granite_hybrid(&self, state: StateSpace, attends: impl Fn(u32) -> bool) -> GgufBuilder {
        let mut file = state
            .describe(self.begin("granitehybrid", "output_norm.weight"))
            .number(".attention.head_count", self.heads);
        let kv_heads = |layer| if attends(layer) { self.kv_heads } else { 0 };
        file = per_layer(file, ".attention.head_count_kv", (0..self.layers).map(kv_heads));
        for layer in 0..self.layers {
            file = ones(file, &format!("blk.{layer}.attn_norm.weight"), &[self.width]);
            file = if attends(layer) {
                self.attention(file, layer)
            } else {
                self.mamba2_mixer(file, layer, state)
            };
            file = self.feed_forward(file, layer);
        }
        file
    }

    /// A `qwen35` model: attention in every fourth layer, a gated delta net in the others. The
    /// heads of the attention have the length of a state.
    pub fn qwen35(&self, state: StateSpace) -> GgufBuilder {
        let head = state.state_size;
        let (keys, values) = (head * state.group_count, head * state.time_step_rank);
        let kv = self.kv_heads * head;
        let mut file = state
            .describe(self.begin("qwen35", "output_norm.weight"))
            .number(".attention.head_count", self.heads)
            .number(".attention.head_count_kv", self.kv_heads)
            .number(".attention.key_length", head)
            .number(".attention.value_length", head)
            .number(".rope.dimension_count", head / 2)
            .numbers(".rope.dimension_sections", &[head / 8, head / 16, head / 16, 0])
            .number(".full_attention_interval", 4);
        for layer in 0..self.layers {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            file = ones(file, &name("attn_norm"), &[self.width]);
            file = ones(file, &name("post_attention_norm"), &[self.width]);
            if layer % 4 == 3 {
                let queries = head * self.heads;
                file = self.weight(file, &name("attn_q"), &[self.width, 2 * queries]);
                file = self.weight(file, &name("attn_k"), &[self.width, kv]);
                file = self.weight(file, &name("attn_v"), &[self.width, kv]);
                file = self.weight(file, &name("attn_output"), &[queries, self.width]);
                file = ones(file, &name("attn_q_norm"), &[head]);
                file = ones(file, &name("attn_k_norm"), &[head]);
            } else {
                let conv = 2 * keys + values;
                file = self.weight(file, &name("attn_qkv"), &[self.width, conv]);
                file = self.weight(file, &name("attn_gate"), &[self.width, values]);
                file = constant(file, &name("ssm_conv1d"), &[state.conv_kernel, conv], 0.25);
                let heads = state.time_step_rank;
                file = constant(file, &format!("blk.{layer}.ssm_dt.bias"), &[heads], 0.1);
                file = constant(file, &format!("blk.{layer}.ssm_a"), &[heads], -1.0);
                file = self.weight(file, &name("ssm_beta"), &[self.width, heads]);
                file = self.weight(file, &name("ssm_alpha"), &[self.width, heads]);
                file = ones(file, &name("ssm_norm"), &[head]);
                file = self.weight(file, &name("ssm_out"), &[values, self.width]);
            }
            file = self.feed_forward(file, layer);
            file = file.without_tensor(&name("ffn_norm"));
        }
        file
    }

    /// A Mamba 2 layer.
    fn mamba2_mixer(&self, mut file: GgufBuilder, layer: u32, state: StateSpace) -> GgufBuilder {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let StateSpace { conv_kernel, inner_size, state_size, time_step_rank, group_count } = state;
        let conv = inner_size + 2 * group_count * state_size;
        let projected = inner_size + conv + time_step_rank;
        file = self.weight(file, &name("ssm_in.weight"), &[self.width, projected]);
        file = constant(file, &name("ssm_conv1d.weight"), &[conv_kernel, conv], 0.25);
        file = constant(file, &name("ssm_conv1d.bias"), &[conv], 0.0);
        file = constant(file, &name("ssm_dt.bias"), &[time_step_rank], 0.1);
        file = constant(file, &name("ssm_a"), &[1, time_step_rank], -1.0);
        file = ones(file, &name("ssm_d"), &[1, time_step_rank]);
        file = ones(file, &name("ssm_norm.weight"), &[inner_size / group_count, group_count]);
        self.weight(file, &name("ssm_out.weight"), &[inner_size, self.width])
    }
}
