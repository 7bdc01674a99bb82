//! Size of a KV cache: per token, per sequence, and as llama.cpp allocates it.
//!
//! bytes = Σ over layers of cells × KV heads × (key length + value length) × bytes an element.
//! A layer with a sliding window keeps fewer cells than the context has; a recurrent layer keeps a
//! state of fixed size per sequence, instead of cells or in addition to them.
//!
//! Does not do: compute buffers and weights (the planner's ledger adds them).

use std::collections::BTreeMap;

use harmonic_types::{Bytes, KvLayout, KvType, LayerKv, ModelShape, Tokens};

/// Cell count that llama.cpp rounds every cache up to a multiple of: `n_ctx` and `n_ctx_seq` in
/// `llama-context.cpp` (constructor), the window cache in `llama-kv-cache-iswa.cpp`
/// (`GGML_PAD(…, 256)`), both of build 11434.
pub const CACHE_ALIGNMENT: u64 = 256;

/// `cells` rounded up to [`CACHE_ALIGNMENT`].
pub fn aligned(cells: u64) -> u64 {
    cells.div_ceil(CACHE_ALIGNMENT).saturating_mul(CACHE_ALIGNMENT)
}

/// Dimensions of the cache of one engine context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheShape {
    /// Layout of the cells.
    pub layout: KvLayout,
    /// Cells of one stream (`Streams`) or of the whole pool (`Unified`).
    pub cells: u64,
    /// Maximum number of sequences of the context.
    pub sequences: u32,
    /// Tokens of one physical batch; window layers hold one batch beyond their window.
    pub n_ubatch: u32,
}

impl CacheShape {
    /// Cells of one stream of a layer with a sliding window:
    /// `pad256(min(cells, window × (unified ? sequences : 1) + n_ubatch))`
    /// (`llama-kv-cache-iswa.cpp`, constructor, build 11434, with `swa_full = false`).
    pub fn window_cells(self, window: u64) -> u64 {
        let sharers = match self.layout {
            KvLayout::Streams => 1,
            KvLayout::Unified => u64::from(self.sequences),
        };
        let wanted = window.saturating_mul(sharers).saturating_add(self.n_ubatch.into());
        aligned(aligned(self.cells).min(wanted))
    }
}

/// KV bytes per token of a model, its layers grouped by window. Computed once per model; each
/// query is then cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvCost {
    /// Bytes per token of all layers with full attention.
    full: u64,
    /// Window in tokens → bytes per token of all layers with that window.
    windowed: BTreeMap<u32, u64>,
    /// Bytes per sequence of all recurrent layers.
    state: u64,
}

impl KvCost {
    /// Cost of `shape` with cache elements of `kv_type`.
    pub fn of(shape: &ModelShape, kv_type: KvType) -> Self {
        let state = shape.recurrent.map_or(0, |recurrent| recurrent.bytes().0);
        let mut cost = Self { full: 0, windowed: BTreeMap::new(), state };
        for layer in &shape.layers {
            let bytes = layer_bytes_per_token(layer, kv_type);
            match layer.window {
                None => cost.full = cost.full.saturating_add(bytes),
                Some(Tokens(window)) => {
                    let sum = cost.windowed.entry(window).or_default();
                    *sum = sum.saturating_add(bytes);
                }
            }
        }
        cost
    }

    /// Bytes of one more token over all layers, while no window is full.
    pub fn bytes_per_token(&self) -> Bytes {
        Bytes(self.windowed.values().fold(self.full, |sum, bytes| sum.saturating_add(*bytes)))
    }

    /// Bytes read by a step, or copied by a snapshot, for one sequence of `length` tokens: at most
    /// the window in a window layer, the state in a recurrent layer. Without padding: traffic, not
    /// allocation.
    pub fn read(&self, length: Tokens) -> Bytes {
        let length = u64::from(length.0);
        let state = if length > 0 { self.state } else { 0 };
        Bytes(self.sum(length, |window| length.min(window)).0.saturating_add(state))
    }

    /// Bytes of the states of recurrent layers, as llama.cpp allocates them: one per sequence in
    /// either layout (`llama-memory-recurrent.cpp`, constructor; `n_rs_seq` is 0).
    pub fn states(&self, sequences: u32) -> Bytes {
        Bytes(self.state.saturating_mul(sequences.max(1).into()))
    }

    /// Bytes of a cache as llama.cpp allocates it, without recurrent states.
    ///
    /// Full-attention layers hold all cells, window layers [`CacheShape::window_cells`].
    pub fn cache(&self, shape: CacheShape) -> Bytes {
        let streams = match shape.layout {
            KvLayout::Streams => u64::from(shape.sequences),
            KvLayout::Unified => 1,
        };
        let one = self.sum(aligned(shape.cells), |window| shape.window_cells(window));
        Bytes(one.0.saturating_mul(streams))
    }

    /// Bytes of one sequence with its own stream of `context` cells.
    pub fn sequence(&self, context: Tokens, n_ubatch: u32) -> Bytes {
        let cells = self.cache(CacheShape {
            layout: KvLayout::Streams,
            cells: context.0.into(),
            sequences: 1,
            n_ubatch,
        });
        Bytes(cells.0.saturating_add(self.state))
    }

    /// `full` × `tokens`, plus for each window group its bytes per token × `in_window(window)`.
    fn sum(&self, tokens: u64, in_window: impl Fn(u64) -> u64) -> Bytes {
        let full = self.full.saturating_mul(tokens);
        Bytes(self.windowed.iter().fold(full, |sum, (window, bytes)| {
            sum.saturating_add(bytes.saturating_mul(in_window(u64::from(*window))))
        }))
    }
}

/// Bytes of one token in one layer; keys and values are separate rows, each of whole blocks of
/// `kv_type`.
pub fn layer_bytes_per_token(layer: &LayerKv, kv_type: KvType) -> u64 {
    let (block_bytes, block_elements) = kv_type.block();
    let row = |head_length: u32| {
        let elements = u64::from(layer.kv_heads) * u64::from(head_length);
        elements.div_ceil(block_elements).saturating_mul(block_bytes)
    };
    row(layer.key_length).saturating_add(row(layer.value_length))
}

#[cfg(test)]
mod tests;
