//! llama.cpp context of a planned engine.
//!
//! Owns: the parameters and creation of a context, and the sizes of its buffers.
//!
//! Invariant: a context has room for the logits of one row per sequence ([`most_outputs`]) only.
//! llama.cpp's default is every token of a batch, which is never used here and costs `n_ubatch` ×
//! vocabulary × 4 bytes: 100 MB for a vocabulary of 49,152, 537 MB for 262,144. llama.cpp aborts
//! the process if a batch requests more, so callers must check before decoding.
//!
//! Does not do: decoding.

use std::num::NonZeroU32;

use harmonic_engine::EngineError;
use harmonic_types::{Attention, KvLayout, KvType};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_sys_2 as sys;

use crate::backend::{alone, backend};
use crate::engine::LlamaSetup;
use crate::log::{Buffers, watching};
use crate::model::Model;

/// Tokens of a physical batch: llama.cpp's default, assumed by the planner.
const UBATCH_TOKENS: u32 = 512;

/// Creates a context of `setup` over `model`; also returns its buffer sizes.
///
/// # Errors
/// [`EngineError::Setup`] if llama.cpp cannot allocate it.
pub(crate) fn create<'m>(
    model: &'m Model,
    setup: &LlamaSetup,
) -> Result<(LlamaContext<'m>, Buffers), EngineError> {
    let failed = |reason: String| EngineError::Setup { id: setup.id.clone(), reason };
    let backend = backend().map_err(failed)?;
    let params = params(setup).map_err(failed)?;
    let (context, buffers) = alone(|| watching(|| model.llama.new_context(backend, params)));
    let context = context.map_err(|error| {
        failed(format!(
            "llama.cpp cannot create a context of {} KV tokens for {} sequences ({error}): \
             plan for less context or fewer slots",
            setup.kv_tokens, setup.sequences
        ))
    })?;
    Ok((context, buffers))
}

/// llama.cpp's name of a KV type.
pub(crate) fn cache_type(kv_type: KvType) -> KvCacheType {
    match kv_type {
        KvType::F16 => KvCacheType::F16,
        KvType::Q8_0 => KvCacheType::Q8_0,
    }
}

/// Maximum rows with logits in one batch of a context of `setup`.
pub(crate) fn most_outputs(setup: &LlamaSetup) -> u32 {
    setup.sequences.max(1)
}

fn params(setup: &LlamaSetup) -> Result<LlamaContextParams, String> {
    let cells = u32::try_from(setup.kv_tokens)
        .map_err(|_| format!("{} KV tokens are more than llama.cpp can count", setup.kv_tokens))?;
    let threads = threads(setup.threads);
    let kv_type = cache_type(setup.kv_type);
    let mut params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(cells))
        .with_n_seq_max(setup.sequences)
        .with_n_batch(setup.batch_tokens)
        .with_n_ubatch(setup.batch_tokens.min(UBATCH_TOKENS))
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_type_k(kv_type)
        .with_type_v(kv_type)
        .with_flash_attention_policy(flash_attention(setup.attention))
        .with_kv_unified(setup.kv_layout == KvLayout::Unified)
        // Window layers keep only their window, which suffices for exact snapshots.
        .with_swa_full(false)
        .with_no_perf(true);
    raw(&mut params).n_outputs_max = most_outputs(setup);
    Ok(params)
}

/// A number of threads as llama.cpp takes it.
pub(crate) fn threads(threads: u32) -> i32 {
    i32::try_from(threads.max(1)).unwrap_or(i32::MAX)
}

pub(crate) fn kv_cache_type(kv_type: KvType) -> KvCacheType {
    match kv_type {
        KvType::F16 => KvCacheType::F16,
        KvType::Q8_0 => KvCacheType::Q8_0,
    }
}

pub(crate) fn flash_attention(attention: Attention) -> sys::llama_flash_attn_type {
    match attention {
        // llama.cpp disables it on devices without a kernel for it.
        Attention::Flash => sys::LLAMA_FLASH_ATTN_TYPE_AUTO,
        Attention::Plain => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }
}

/// The wrapped C struct of `params`: llama-cpp-2 0.1.160 has no setter for `n_outputs_max`.
fn raw(params: &mut LlamaContextParams) -> &mut sys::llama_context_params {
    const {
        assert!(size_of::<LlamaContextParams>() == size_of::<sys::llama_context_params>());
        assert!(align_of::<LlamaContextParams>() == align_of::<sys::llama_context_params>());
    }
    // SAFETY: `LlamaContextParams` of the version that the workspace pins has one field, a
    // `llama_context_params` of the same pinned llama-cpp-sys-2. As both have one size, that field
    // begins where its struct does. The borrow of `params` becomes the borrow of the result. The
    // struct is plain C data in which every value of `n_outputs_max` is valid.
    unsafe { &mut *std::ptr::from_mut(params).cast() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_parameters_are_those_that_were_set() {
        let setup = LlamaSetup {
            id: "any".to_owned(),
            path: "any.gguf".into(),
            threads: 3,
            sequences: 7,
            kv_tokens: 7 * 1280,
            kv_layout: KvLayout::Unified,
            kv_type: KvType::Q8_0,
            attention: Attention::Flash,
            batch_tokens: 640,
        };
        let mut params = params(&setup).unwrap();
        let before = params.clone();
        let raw = raw(&mut params);
        assert_eq!((raw.n_ctx, raw.n_batch, raw.n_ubatch, raw.n_seq_max), (8960, 640, 512, 7));
        assert_eq!((raw.n_outputs_max, raw.n_outputs_max_per_seq), (7, 1));
        assert_eq!((raw.n_threads, raw.n_threads_batch), (3, 3));
        assert_eq!((raw.type_k, raw.type_v), (sys::GGML_TYPE_Q8_0, sys::GGML_TYPE_Q8_0));
        assert_eq!(raw.flash_attn_type, sys::LLAMA_FLASH_ATTN_TYPE_AUTO);
        assert_eq!((raw.kv_unified, raw.swa_full, raw.no_perf), (true, false, true));
        raw.n_ctx = 256;
        assert_eq!(params.n_ctx(), NonZeroU32::new(256));
        assert_eq!(params.n_seq_max(), before.n_seq_max());
    }
}
