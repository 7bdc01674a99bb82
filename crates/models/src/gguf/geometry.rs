//! KV geometry, layer by layer, as llama.cpp allocates it (`llama-hparams.cpp`,
//! `llama-kv-cache.cpp`, `src/models/*.cpp`).
//!
//! Does not count: the fixed state of recurrent layers (`recurrent.rs`) and the index caches of
//! sparse attention.

use harmonic_types::LayerKv;

use crate::gguf::Header;
use crate::gguf::error::GgufError;
use crate::gguf::validation::embedding::is_encoder;
use crate::gguf::value::Value;
use crate::gguf::window::windows;

/// llama.cpp's `LLAMA_MAX_LAYERS`.
const MAX_LAYERS: u32 = 512;

/// Metadata keys of one architecture: `block_count` means `qwen3.block_count`.
pub(super) struct Keys<'a>(pub &'a str);

impl Keys<'_> {
    pub(super) fn full(&self, key: &str) -> String {
        format!("{}.{key}", self.0)
    }

    pub(super) fn required(&self, header: &Header, key: &str) -> Result<u32, GgufError> {
        let key = self.full(key);
        header.metadata.get(&key).ok_or_else(|| GgufError::missing(&key))?.as_u32(&key)
    }

    pub(super) fn optional(&self, header: &Header, key: &str) -> Result<Option<u32>, GgufError> {
        let key = self.full(key);
        header.metadata.get(&key).map(|value| value.as_u32(&key)).transpose()
    }

    /// One number per layer; a scalar applies to all layers.
    pub(super) fn per_layer(
        &self,
        header: &Header,
        key: &str,
        layers: u32,
    ) -> Result<Option<Vec<u32>>, GgufError> {
        let key = self.full(key);
        let numbers = match header.metadata.get(&key) {
            None => return Ok(None),
            Some(Value::Array { length, elements }) => {
                exact(&key, *length, layers)?;
                elements.iter().map(|value| value.as_u32(&key)).collect::<Result<_, _>>()?
            }
            Some(value) => vec![value.as_u32(&key)?; layers as usize],
        };
        Ok(Some(numbers))
    }

    /// One flag per layer; `None` if the key is absent or a scalar.
    pub(super) fn flags(
        &self,
        header: &Header,
        key: &str,
        layers: u32,
    ) -> Result<Option<Vec<bool>>, GgufError> {
        let key = self.full(key);
        match header.metadata.get(&key) {
            Some(Value::Array { length, elements }) => {
                exact(&key, *length, layers)?;
                elements.iter().map(|value| value.as_flag(&key)).collect::<Result<_, _>>().map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn exact(key: &str, length: u64, layers: u32) -> Result<(), GgufError> {
    if length == u64::from(layers) {
        return Ok(());
    }
    Err(GgufError::key(key, format!("has {length} entries for {layers} layers")))
}

/// Total number of layers, multi-token prediction layers included.
pub(super) fn block_count(header: &Header, keys: &Keys<'_>) -> Result<u32, GgufError> {
    let count = keys.required(header, "block_count")?;
    if count == 0 || count > MAX_LAYERS {
        let reason = format!("is {count}, expected 1 to {MAX_LAYERS}");
        return Err(GgufError::key(&keys.full("block_count"), reason));
    }
    Ok(count)
}

/// The KV geometry of every layer.
pub(super) fn layers(header: &Header) -> Result<Vec<LayerKv>, GgufError> {
    let architecture = header.architecture()?;
    let keys = Keys(architecture);
    let count = block_count(header, &keys)?;
    let ahead = keys.optional(header, "nextn_predict_layers")?.unwrap_or(0).min(count);
    let trunk = count - ahead;

    let heads = keys.per_layer(header, "attention.head_count", count)?;
    let heads = heads.unwrap_or_else(|| vec![0; count as usize]);
    let kv_heads =
        keys.per_layer(header, "attention.head_count_kv", count)?.unwrap_or_else(|| heads.clone());
    let windows = windows(header, &keys, architecture, count, trunk)?;
    let lengths = HeadLengths::of(header, &keys, &heads)?;
    let cached = layers_with_cache(header, &keys, architecture, count, trunk)?;

    let layers = kv_heads.into_iter().zip(windows).zip(cached);
    Ok(layers
        .map(|((kv_heads, window), cached)| {
            let (key_length, value_length) = lengths.of_layer(window.is_some());
            LayerKv {
                kv_heads: if cached { kv_heads } else { 0 },
                key_length,
                value_length,
                window,
            }
        })
        .collect())
}

/// Lengths of a key and a value head, in layers with full and with sliding-window attention.
struct HeadLengths {
    full: (u32, u32),
    windowed: (u32, u32),
}

impl HeadLengths {
    fn of(header: &Header, keys: &Keys<'_>, heads: &[u32]) -> Result<Self, GgufError> {
        // A model without attention heads has no head lengths (llama.cpp sets both to 0).
        let first = heads.first().copied().unwrap_or(0);
        if first == 0 && heads.iter().all(|heads| *heads == 0) {
            return Ok(Self { full: (0, 0), windowed: (0, 0) });
        }
        let stated_key = keys.optional(header, "attention.key_length")?;
        let stated_value = keys.optional(header, "attention.value_length")?;
        let embedding = keys.required(header, "embedding_length")?;
        let default = embedding.checked_div(first);
        let missing = || GgufError::missing(&keys.full("attention.key_length"));
        let key = stated_key.or(default).ok_or_else(missing)?;
        let value = stated_value.or(default).ok_or_else(missing)?;
        let key_window = keys.optional(header, "attention.key_length_swa")?.unwrap_or(key);
        let value_window = keys.optional(header, "attention.value_length_swa")?.unwrap_or(value);
        // Multi-head latent attention caches the compressed key (`kv_lora_rank` + rope part, stated
        // as `key_length`) and no value. Files without these keys use plain attention.
        let latent = |key: &str| keys.optional(header, key).map(|length| length.unwrap_or(0) > 0);
        if latent("attention.key_length_mla")? && latent("attention.value_length_mla")? {
            return Ok(Self { full: (key, 0), windowed: (key_window, 0) });
        }
        Ok(Self { full: (key, value), windowed: (key_window, value_window) })
    }

    fn of_layer(&self, windowed: bool) -> (u32, u32) {
        if windowed { self.windowed } else { self.full }
    }
}

/// Flag per layer: whether it has a KV cache.
fn layers_with_cache(
    header: &Header,
    keys: &Keys<'_>,
    architecture: &str,
    count: u32,
    trunk: u32,
) -> Result<Vec<bool>, GgufError> {
    let shared_from = |first: u32| (0..count).map(|layer| layer < first).collect();
    match architecture {
        encoder if is_encoder(encoder) => Ok(vec![false; count as usize]),
        "mamba" | "mamba2" | "rwkv6" | "rwkv6qwen2" | "rwkv7" | "arwkv7" => {
            Ok(vec![false; count as usize])
        }
        // The later layers reuse the caches of earlier ones.
        "gemma3n" => Ok(shared_from(20)),
        "gemma4" => {
            let shared = keys.optional(header, "attention.shared_kv_layers")?.unwrap_or(0);
            Ok(shared_from(count.saturating_sub(shared)))
        }
        "qwen3next" | "qwen35" | "qwen35moe" | "qwen4exp" | "minimax-01" => {
            let default = if architecture == "minimax-01" { 8 } else { 4 };
            let interval = keys.optional(header, "full_attention_interval")?.unwrap_or(default);
            let recurrent =
                keys.flags(header, "attention.recurrent_layers", count)?.unwrap_or_else(|| {
                    (0..count).map(|layer| (layer + 1) % interval.max(1) != 0).collect()
                });
            Ok((0..trunk)
                .zip(recurrent)
                .map(|(_, recurrent)| !recurrent)
                .chain((trunk..count).map(|_| false))
                .collect())
        }
        // Elsewhere a recurrent layer has 0 KV heads in `attention.head_count_kv`.
        _ => Ok(vec![true; count as usize]),
    }
}
