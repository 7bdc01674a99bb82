//! A llama.cpp context as the machine that runs the scheduler's batches.

use std::collections::HashMap;
use std::num::NonZeroU32;

use harmonic_engine::sampling::Samplers;
use harmonic_engine::{
    Allocation, Batch, CacheOp, EngineError, Machine, MachineError, Outcome, SnapshotId,
};

use harmonic_types::{Bytes, KvLayout, KvType};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::context::session::{LlamaStateSeqFlags, SeqState};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::backend::{alone, backend};
use crate::engine::LlamaSetup;
use crate::log::{Buffers, watching};
use crate::model::Model;

/// Tokens of a physical batch: llama.cpp's default, and what the planner reckons with.
const UBATCH_TOKENS: u32 = 512;

/// A context and what it needs at every step. Borrows the model, so it lives on the stack of the
/// engine's thread.
#[derive(Debug)]
pub struct LlamaMachine<'m> {
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    snapshots: HashMap<SnapshotId, SeqState>,
    allocation: Allocation,
    trims: bool,
}

impl<'m> LlamaMachine<'m> {
    /// A context of `setup` over `model`.
    ///
    /// # Errors
    /// [`EngineError::Setup`] when llama.cpp cannot allocate it.
    pub fn new(model: &'m Model, setup: &LlamaSetup) -> Result<Self, EngineError> {
        let failed = |reason: String| EngineError::Setup { id: setup.id.clone(), reason };
        let backend = backend().map_err(failed)?;
        let params = params(setup).map_err(failed)?;
        let create = || model.llama.new_context(backend, params);
        let (context, Buffers { kv, compute }) = alone(|| watching(create));
        let context = context.map_err(|error| {
            failed(format!(
                "llama.cpp could not create a context of {} KV tokens for {} sequences ({error}): \
                 plan for less context or fewer slots",
                setup.kv_tokens, setup.sequences
            ))
        })?;
        let weights_bytes = Some(model.weights_bytes());
        Ok(Self {
            context,
            batch: LlamaBatch::new(setup.batch_tokens as usize, 1),
            snapshots: HashMap::new(),
            allocation: Allocation { weights_bytes, kv_bytes: kv, compute_bytes: compute },
            trims: model.trims(),
        })
    }
}

fn params(setup: &LlamaSetup) -> Result<LlamaContextParams, String> {
    let cells = u32::try_from(setup.kv_tokens)
        .map_err(|_| format!("{} KV tokens are more than llama.cpp can count", setup.kv_tokens))?;
    let threads = i32::try_from(setup.threads.max(1)).unwrap_or(i32::MAX);
    let kv_type = match setup.kv_type {
        KvType::F16 => KvCacheType::F16,
        KvType::Q8_0 => KvCacheType::Q8_0,
    };
    Ok(LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(cells))
        .with_n_seq_max(setup.sequences)
        .with_n_batch(setup.batch_tokens)
        .with_n_ubatch(setup.batch_tokens.min(UBATCH_TOKENS))
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_type_k(kv_type)
        .with_type_v(kv_type)
        .with_kv_unified(setup.kv_layout == KvLayout::Unified)
        // Window layers keep only their window; snapshots are exact, so nothing needs more.
        .with_swa_full(false)
        .with_no_perf(true))
}

impl Machine for LlamaMachine<'_> {
    fn allocation(&self) -> Allocation {
        self.allocation
    }

    fn trims(&self) -> bool {
        self.trims
    }

    fn cache(&mut self, op: &CacheOp) -> Result<Bytes, MachineError> {
        match *op {
            CacheOp::Drop { seq } => {
                let seq = seq_id(seq.0);
                self.context
                    .kv_cache_seq_rm(seq, None, None)
                    .map_err(|error| failed("dropping a sequence", &error))?;
            }
            CacheOp::Save { seq, snapshot } => {
                let state = self
                    .context
                    .state_seq_get(seq_id(seq.0), LlamaStateSeqFlags::empty())
                    .map_err(|error| failed("saving a sequence", &error))?;
                let bytes = Bytes(state.byte_len() as u64);
                self.snapshots.insert(snapshot, state);
                return Ok(bytes);
            }
            CacheOp::Restore { snapshot, seq } => {
                let state = self
                    .snapshots
                    .get(&snapshot)
                    .ok_or_else(|| failed("restoring a sequence", &"there is no such snapshot"))?;
                self.context
                    .state_seq_set(state, seq_id(seq.0))
                    .map_err(|error| failed("restoring a sequence", &error))?;
            }
            CacheOp::Trim { seq, keep } => {
                self.context
                    .kv_cache_seq_rm(seq_id(seq.0), Some(keep), None)
                    .map_err(|error| failed("trimming a sequence", &error))?;
            }
            // By way of memory: `seq_cp` between streams copies the whole stream, whatever it holds.
            CacheOp::Move { from, to } => {
                let state = self
                    .context
                    .state_seq_get(seq_id(from.0), LlamaStateSeqFlags::empty())
                    .map_err(|error| failed("moving a sequence", &error))?;
                self.context
                    .state_seq_set(&state, seq_id(to.0))
                    .map_err(|error| failed("moving a sequence", &error))?;
                self.context
                    .kv_cache_seq_rm(seq_id(from.0), None, None)
                    .map_err(|error| failed("moving a sequence", &error))?;
            }
            CacheOp::Discard { snapshot } => {
                self.snapshots.remove(&snapshot);
            }
        }
        Ok(Bytes::ZERO)
    }

    fn run(&mut self, batch: &Batch, samplers: &mut Samplers) -> Result<Outcome, MachineError> {
        self.batch.clear();
        for row in &batch.rows {
            let last = row.len - 1;
            for (at, token) in batch.tokens_of(row).iter().enumerate() {
                let position = i32::try_from(row.position as usize + at).unwrap_or(i32::MAX);
                let wants_logits = row.sample && at == last;
                self.batch
                    .add(LlamaToken(token.0), position, &[seq_id(row.seq.0)], wants_logits)
                    .map_err(|error| failed("building a batch", &error))?;
            }
        }
        self.context.decode(&mut self.batch).map_err(|error| failed("decoding", &error))?;
        let logits: Vec<_> = batch
            .sampling_rows()
            .map(|row| {
                let at = i32::try_from(row.start + row.len - 1).unwrap_or(i32::MAX);
                (row.request, self.context.get_logits_ith(at))
            })
            .collect();
        let choices = samplers.choose_all(&logits).ok_or(MachineError::NoLogits)?;
        Ok(Outcome { choices, ..Outcome::default() })
    }
}

/// Sequence ids are below 256 (`LLAMA_MAX_SEQ`).
fn seq_id(seq: u32) -> i32 {
    i32::try_from(seq).unwrap_or(i32::MAX)
}

fn failed(action: &'static str, reason: &impl std::fmt::Display) -> MachineError {
    MachineError::Failed { action, reason: reason.to_string() }
}
