//! The state of recurrent layers per sequence, as allocated by llama.cpp
//! (`llama_hparams::n_embd_r` and `n_embd_s`, `llama-hparams.cpp`; the layers:
//! `llama_model::create_memory`, `llama-model.cpp`, and `models/*.cpp`). Always F32.
//!
//! Does not count: the additional per-layer embeddings of one architecture (`ple`, of `qwen4exp`).

use harmonic_types::{Bytes, LayerKv, RecurrentState};

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::geometry::Keys;

/// The state of a sequence; `None` if every layer is an attention layer. `layers` is the KV
/// geometry of the same header.
pub(super) fn recurrent(
    header: &Header,
    keys: &Keys<'_>,
    layers: &[LayerKv],
) -> Result<Option<RecurrentState>, GgufError> {
    let count = u32::try_from(layers.len()).unwrap_or(u32::MAX);
    let ahead = keys.optional(header, "nextn_predict_layers")?.unwrap_or(0).min(count);
    let trunk = count - ahead;
    let Some(flags) = recurrent_layers(header, keys, layers, trunk)? else { return Ok(None) };
    let recurrent = flags.into_iter().filter(|recurrent| *recurrent).count();
    let Some(Sizes { convolution, state, inner }) = sizes(header, keys, count)? else {
        return Ok(None);
    };
    let elements = convolution.saturating_add(state);
    Ok((recurrent > 0).then(|| RecurrentState {
        layers: u32::try_from(recurrent).unwrap_or(u32::MAX),
        layer_bytes: Bytes(elements.saturating_mul(4)),
        inner_length: u32::try_from(inner).unwrap_or(u32::MAX),
    }))
}

/// Flag per layer of the trunk: whether it is recurrent; `None` for architectures without such
/// layers.
fn recurrent_layers(
    header: &Header,
    keys: &Keys<'_>,
    layers: &[LayerKv],
    trunk: u32,
) -> Result<Option<Vec<bool>>, GgufError> {
    let count = u32::try_from(layers.len()).unwrap_or(u32::MAX);
    let trunk_of = |of: &dyn Fn(usize) -> bool| (0..trunk as usize).map(of).collect();
    let without_kv = |layer: usize| layers[layer].kv_heads == 0;
    Ok(Some(match keys.0 {
        "mamba" | "mamba2" | "rwkv6" | "rwkv6qwen2" | "rwkv7" | "arwkv7" | "falcon-h1" => {
            trunk_of(&|_| true)
        }
        // Some layers have neither state nor cache, only a feed-forward network.
        "nemotron_h" | "nemotron_h_moe" => {
            let inner = keys.per_layer(header, "feed_forward_length", count)?;
            let inner = inner.unwrap_or_else(|| vec![0; count as usize]);
            trunk_of(&|layer| without_kv(layer) && inner[layer] == 0)
        }
        "jamba" | "granitehybrid" | "lfm2" | "lfm2moe" | "plamo2" | "kimi-linear" | "kimi-k3"
        | "bailingmoe3" | "glm5-next" | "qwen3next" | "qwen35" | "qwen35moe" | "qwen4exp"
        | "minimax-01" => trunk_of(&without_kv),
        _ => return Ok(None),
    }))
}

/// State of one layer, in elements.
struct Sizes {
    /// History of the convolution over time, or of the token shift (`n_embd_r`).
    convolution: u64,
    /// The state itself (`n_embd_s`).
    state: u64,
    /// Width of a token's projection.
    inner: u64,
}

fn sizes(header: &Header, keys: &Keys<'_>, count: u32) -> Result<Option<Sizes>, GgufError> {
    let number = |key: &str| Ok::<_, GgufError>(keys.optional(header, key)?.map(u64::from));
    let width = u64::from(keys.required(header, "embedding_length")?);
    if let Some(head) = number("wkv.head_size")? {
        let shifts = number("token_shift_count")?.unwrap_or(2);
        let (convolution, state) = (shifts * width, width.saturating_mul(head));
        return Ok(Some(Sizes { convolution, state, inner: 4 * width }));
    }
    if let Some(window) = number("shortconv.l_cache")? {
        let convolution = width.saturating_mul(window.saturating_sub(1));
        return Ok(Some(Sizes { convolution, state: 0, inner: 3 * width }));
    }
    let heads = keys.per_layer(header, "attention.head_count", count)?;
    let heads = u64::from(heads.and_then(|heads| heads.first().copied()).unwrap_or(0));
    let kernel = number("ssm.conv_kernel")?;
    if let Some(head) = number("kda.head_dim")? {
        let inner = heads.saturating_mul(head);
        // llama.cpp's default is 3 tokens back.
        let back = kernel.filter(|kernel| *kernel > 0).map_or(3, |kernel| kernel - 1);
        let convolution = 3_u64.saturating_mul(back).saturating_mul(inner);
        let state = inner.saturating_mul(head);
        return Ok(Some(Sizes { convolution, state, inner: inner.saturating_mul(4) }));
    }
    if keys.0 == "minimax-01" {
        let head = number("attention.key_length")?.or(width.checked_div(heads)).unwrap_or(0);
        let inner = heads.saturating_mul(head);
        let state = inner.saturating_mul(head);
        return Ok(Some(Sizes { convolution: 0, state, inner: inner.saturating_mul(4) }));
    }
    let (Some(inner), Some(length)) = (number("ssm.inner_size")?, number("ssm.state_size")?) else {
        return Ok(None);
    };
    let groups = number("ssm.group_count")?.unwrap_or(0);
    let channels = inner.saturating_add(2 * groups.saturating_mul(length));
    let convolution = kernel.unwrap_or(0).saturating_sub(1).saturating_mul(channels);
    let state = length.saturating_mul(inner);
    Ok(Some(Sizes { convolution, state, inner: channels.saturating_add(inner) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{GgufBuilder, shape};
    use crate::synthetic::{StateSpace, SyntheticModel};

    const STATE: StateSpace = StateSpace {
        conv_kernel: 4,
        inner_size: 128,
        state_size: 32,
        time_step_rank: 4,
        group_count: 2,
    };

    /// Layers with a state, and elements of one.
    fn state(file: &GgufBuilder) -> Option<(u32, u64)> {
        let bytes = file.bytes();
        let header = Header::read(&bytes[..], bytes.len() as u64).expect("readable");
        let recurrent = shape(&header).expect("a shape").recurrent?;
        Some((recurrent.layers, recurrent.layer_bytes.0 / 4))
    }

    #[test]
    fn each_architecture_has_the_state_of_llama_cpp() {
        let model = SyntheticModel { layers: 4, ..SyntheticModel::tiny() };
        assert_eq!(state(&model.llama()), None);
        // 3 tokens back of 128 + 2 × 2 × 32 channels, and 32 × 128.
        let mamba = 3 * 256 + 32 * 128;
        assert_eq!(state(&model.mamba2(STATE)), Some((4, mamba)));
        assert_eq!(state(&model.falcon_h1(STATE)), Some((4, mamba)));
        assert_eq!(state(&model.granite_hybrid(STATE, |layer| layer == 1)), Some((3, mamba)));
        assert_eq!(state(&model.qwen35(STATE)), Some((3, mamba)));
        assert_eq!(state(&model.lfm2(3, |layer| layer == 1)), Some((3, 2 * 64)));
        assert_eq!(state(&model.lfm2(3, |_| true)), None, "only attention layers");
    }

    #[test]
    fn architectures_without_a_synthetic_model() {
        let file = |architecture: &str| GgufBuilder::skeleton(architecture, 3);
        assert_eq!(state(&file("rwkv7").number(".wkv.head_size", 8)), Some((3, 2 * 32 + 32 * 8)));
        let shifted = file("arwkv7").number(".wkv.head_size", 8).number(".token_shift_count", 1);
        assert_eq!(state(&shifted), Some((3, 32 + 32 * 8)));
        let kda = file("kimi-linear")
            .numbers(".attention.head_count_kv", &[0, 2, 0])
            .number(".kda.head_dim", 8)
            .number(".ssm.conv_kernel", 4);
        assert_eq!(state(&kda), Some((2, 3 * 3 * 4 * 8 + 8 * 8 * 4)));
        let ssm = |file: GgufBuilder| {
            file.number(".ssm.conv_kernel", 4)
                .number(".ssm.inner_size", 64)
                .number(".ssm.state_size", 16)
                .number(".ssm.time_step_rank", 4)
        };
        let jamba = ssm(file("jamba").numbers(".attention.head_count_kv", &[0, 2, 0]));
        assert_eq!(state(&jamba), Some((2, 3 * 64 + 16 * 64)));
        let nemotron = ssm(file("nemotron_h")
            .numbers(".attention.head_count_kv", &[0, 2, 0])
            .numbers(".feed_forward_length", &[0, 0, 96])
            .number(".ssm.group_count", 2));
        assert_eq!(state(&nemotron), Some((1, 3 * (64 + 2 * 2 * 16) + 16 * 64)));
        let ahead = ssm(GgufBuilder::skeleton("qwen35", 5).number(".nextn_predict_layers", 1))
            .number(".ssm.group_count", 4);
        assert_eq!(state(&ahead), Some((3, 3 * (64 + 2 * 4 * 16) + 16 * 64)));
        let minimax = file("minimax-01").number(".full_attention_interval", 3);
        assert_eq!(state(&minimax), Some((2, 8 * 8 * 4)));
    }
}
