//! Compute buffers of an engine, as llama.cpp allocates them for its context.
//!
//! | part | bytes |
//! |---|---|
//! | masks | 2 (F16), or 4 (F32) with plain attention, for each token of a physical batch and cell that it may attend to, once for the full layers and once for each window (`build_attn_inp_kq_mask`, `llama-graph.cpp`) |
//! | activations | 4 for each token of a physical batch and live element, `live_elements` |
//! | scores | of plain attention: 4 for each token of a physical batch, query head and cell of a layer (`build_attn_mha`, `llama-graph.cpp`) |
//! | states | of recurrent layers: those of one layer are gathered, and written again next to the tokens' outputs (`build_rs`, `llama-graph.cpp`; `models/mamba-base.cpp`, `delta-net-base.cpp`) |
//! | logits | 4 for each output and entry of the vocabulary |
//! | output buffer | the same again (`output_reserve`, `llama-context.cpp`) |
//!
//! Scores are freed before the feed-forward network is computed, so only the larger of the scores
//! and its activations counts. Masks and activations are freed before the logits are computed
//! (`ggml-alloc.c` reuses buffers that no later node reads), so only the larger of these two
//! counts. There is one output per sequence, as requested by `harmonic-llama` (`n_outputs_max`).
//!
//! Checked against llama.cpp's own log (build 11434) for a `llama` and a `gemma3` model, in both
//! layouts and both KV types: `cargo bench -p harmonic-llama --bench memory`.
//!
//! Does not count: allocations of the back end, except `work`.

use std::collections::BTreeSet;

use harmonic_perfmodel::{CacheShape, aligned};
use harmonic_types::{Attention, Bytes, ModelShape, Tokens};

/// Compute buffers of an engine whose cache is `cache`.
pub(crate) fn compute(shape: &ModelShape, cache: CacheShape, attention: Attention) -> Bytes {
    let outputs = u64::from(cache.sequences) * u64::from(shape.vocabulary) * 4;
    let rows = rows(cache);
    let mask_bytes = match attention {
        Attention::Flash => 2,
        Attention::Plain => 4,
    };
    let masks = rows.saturating_mul(attended_cells(shape, cache)).saturating_mul(mask_bytes);
    let feed_forward = rows.saturating_mul(live_elements(shape)).saturating_mul(4);
    let activations = match attention {
        Attention::Flash => feed_forward,
        Attention::Plain => {
            // Plus one width for the queries.
            let width = u64::from(shape.embedding_length);
            let streams = rows.saturating_mul((STREAMS + 1) * width);
            let live = scores(shape, cache).saturating_add(streams).saturating_mul(4);
            live.max(feed_forward)
        }
    };
    let activations = activations.max(recurrent(shape, cache));
    let graph = masks.saturating_add(activations).max(outputs);
    Bytes(graph.saturating_add(outputs))
}

/// Work buffer of the CPU kernels outside the graph: for plain attention a copy of the scores in
/// F16, the operand type of the product with F16 values (`ggml_graph_plan`, `ggml-cpu.c`).
pub(crate) fn work(shape: &ModelShape, cache: CacheShape, attention: Attention) -> Bytes {
    match attention {
        Attention::Flash => Bytes::ZERO,
        Attention::Plain => Bytes(scores(shape, cache).saturating_mul(2)),
    }
}

/// Bytes live while a recurrent layer is computed: each token's projections and their products, and
/// twice the states of all sequences.
fn recurrent(shape: &ModelShape, cache: CacheShape) -> u64 {
    let Some(state) = shape.recurrent else { return 0 };
    let width = STREAMS * u64::from(shape.embedding_length);
    let elements = width + PROJECTIONS * u64::from(state.inner_length);
    let states = state.layer_bytes.0.saturating_mul(2 * u64::from(cache.sequences.max(1)));
    rows(cache).saturating_mul(elements).saturating_mul(4).saturating_add(states)
}

/// Scores of a physical batch in the layer with the most cells.
fn scores(shape: &ModelShape, cache: CacheShape) -> u64 {
    let cells = |window: Option<Tokens>| {
        window.map_or(aligned(cache.cells), |Tokens(window)| cache.window_cells(window.into()))
    };
    let most = shape.layers.iter().map(|layer| cells(layer.window)).max().unwrap_or(0);
    rows(cache).saturating_mul(u64::from(shape.query_heads)).saturating_mul(most)
}

/// Tokens of the batch that llama.cpp reserves for: `n_ubatch` rounded up to a multiple of the
/// sequences (`graph_reserve`, `llama-context.cpp`). The upper bound is taken, so that the cost is
/// monotonic in the sequences.
fn rows(cache: CacheShape) -> u64 {
    u64::from(cache.n_ubatch) + u64::from(cache.sequences.saturating_sub(1))
}

/// Cells attended to by one token, summed over the masks.
fn attended_cells(shape: &ModelShape, cache: CacheShape) -> u64 {
    let windows: BTreeSet<Tokens> = shape.layers.iter().filter_map(|layer| layer.window).collect();
    let windows = windows.into_iter().map(|Tokens(window)| cache.window_cells(window.into()));
    windows.fold(aligned(cache.cells), u64::saturating_add)
}

/// Widths of the residual stream that are live in addition to a layer's largest part.
const STREAMS: u64 = 5;

/// Copies of a recurrent layer's projection that are live at once: the projection, its transpose
/// with the last tokens prepended, and its convolution.
const PROJECTIONS: u64 = 3;

/// Maximum number of live elements per token while the feed-forward network of a layer is computed:
/// its gate, its input projection and their product; or, in a mixture of experts, that product and
/// the outputs of all experts in use (`build_ffn` and `build_moe_ffn`, `llama-graph.cpp`). In
/// addition the residual stream, its normalised copy and fragmentation between them: together five
/// widths of the stream, for both models measured.
fn live_elements(shape: &ModelShape) -> u64 {
    let width = u64::from(shape.embedding_length);
    let inner = u64::from(shape.feed_forward_length);
    let experts = shape.experts.map_or(0, |(_, used)| u64::from(used));
    STREAMS * width + (3 * inner).max(inner + experts * width)
}
