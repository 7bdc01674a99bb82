//! llama.cpp context of an embedding model.
//!
//! Invariants: a batch has at most the tokens of a physical batch, which llama.cpp asserts for
//! models without a KV cache, and needs to pool a whole input; no input is longer than the
//! positions that the model has. A decoder's KV cache is cleared after each batch.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use harmonic_engine::clock::WallClock;
use harmonic_engine::{
    Allocation, Embedder, Encoded, Encoder, EngineError, LocalConfig, MachineError, Token,
};
use harmonic_types::{Bytes, LlamaSpec, Pooling};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::backend::{alone, backend};
use crate::context::{flash_attention, kv_cache_type, threads};
use crate::engine::{identity, path};
use crate::log::{Buffers, watching};
use crate::model::Model;

/// llama.cpp settings of a planned engine for embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderSetup {
    /// Engine id, for messages.
    pub id: String,
    /// GGUF file.
    pub path: PathBuf,
    /// Compute threads.
    pub threads: u32,
    /// Inputs of a batch, at most 256.
    pub inputs: u32,
    /// Tokens of a batch, and of the longest input.
    pub batch_tokens: u32,
    /// Longest context of its agents.
    pub context: u32,
    /// Pooling.
    pub pooling: Pooling,
    /// The plan's settings.
    pub spec: LlamaSpec,
}

impl EncoderSetup {
    /// Settings of a planned engine with configuration `config`.
    ///
    /// # Errors
    /// [`EngineError::Setup`] if the plan names no file.
    pub fn of(
        llama: &LlamaSpec,
        pooling: Pooling,
        config: &LocalConfig,
    ) -> Result<Self, EngineError> {
        let contexts = config.agents.iter().map(|agent| agent.context.0);
        Ok(Self {
            id: config.id.clone(),
            path: path(&llama.local, config)?,
            threads: llama.local.threads,
            inputs: config.sequences,
            batch_tokens: config.embedding_batch_tokens(),
            context: contexts.max().unwrap_or(0),
            pooling,
            spec: llama.clone(),
        })
    }
}

/// Loads the model and starts its engine. Blocks until ready.
///
/// # Errors
/// [`EngineError`] if the file cannot be loaded or the context cannot be created.
pub fn spawn_embedder(
    setup: EncoderSetup,
    mut config: LocalConfig,
) -> Result<Embedder, EngineError> {
    let cache = (setup.spec.local.kv_tokens > 0).then_some(&setup.spec.local);
    config.identity =
        identity(config.identity, cache.map(|local| (local.kv_layout, local.kv_type)));
    let model = Model::load(&setup.path)?;
    let vocabulary = Arc::new(model.clone());
    Embedder::spawn(config, vocabulary, move |thread| {
        let encoder = LlamaEncoder::new(&model, &setup)?;
        thread.drive(encoder, &mut WallClock::default())
    })
}

/// A context with its batch. Borrows the model, so it lives on the stack of the engine thread.
#[derive(Debug)]
pub struct LlamaEncoder<'m> {
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    batch_tokens: usize,
    batch_inputs: usize,
    has_cache: bool,
    allocation: Allocation,
}

impl<'m> LlamaEncoder<'m> {
    /// A context of `setup` over `model`.
    ///
    /// # Errors
    /// [`EngineError::Setup`] if llama.cpp cannot allocate it, or an agent's context is longer than
    /// the model's.
    pub fn new(model: &'m Model, setup: &EncoderSetup) -> Result<Self, EngineError> {
        let failed = |reason: String| EngineError::Setup { id: setup.id.clone(), reason };
        let has_cache = setup.spec.local.kv_tokens > 0;
        let trained = model.llama.n_ctx_train();
        if !has_cache && setup.context > trained {
            return Err(failed(format!(
                "an agent has a context of {} tokens, and the model one of {trained}: plan again",
                setup.context
            )));
        }
        let backend = backend().map_err(failed)?;
        let params = params(setup);
        let (context, Buffers { kv, state, compute }) =
            alone(|| watching(|| model.llama.new_context(backend, params)));
        let context = context.map_err(|error| {
            failed(format!(
                "llama.cpp cannot create a context for batches of {} tokens ({error}): plan for \
                 less context",
                setup.batch_tokens
            ))
        })?;
        // llama.cpp logs the output buffer at its first size, a row per sequence; it grows to a row
        // per token of the largest batch.
        let row = model.logits() + model.embedding_length();
        let more = setup.batch_tokens.saturating_sub(setup.inputs);
        let outputs = Bytes(u64::from(more) * row * size_of::<f32>() as u64);
        Ok(Self {
            context,
            batch: LlamaBatch::new(setup.batch_tokens as usize, 1),
            batch_tokens: setup.batch_tokens as usize,
            batch_inputs: setup.inputs as usize,
            has_cache,
            allocation: Allocation {
                weights_bytes: Some(model.weights_bytes()),
                kv_bytes: kv,
                state_bytes: state,
                compute_bytes: compute.map(|compute| compute + outputs),
                resident_bytes: None,
            },
        })
    }
}

fn params(setup: &EncoderSetup) -> LlamaContextParams {
    let local = &setup.spec.local;
    let cells = if local.kv_tokens > 0 {
        u32::try_from(local.kv_tokens).unwrap_or(u32::MAX)
    } else {
        setup.batch_tokens
    };
    let threads = threads(setup.threads);
    LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(cells))
        .with_n_seq_max(setup.inputs)
        .with_n_batch(setup.batch_tokens)
        .with_n_ubatch(setup.batch_tokens)
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_type_k(kv_cache_type(local.kv_type))
        .with_type_v(kv_cache_type(local.kv_type))
        .with_flash_attention_policy(flash_attention(setup.spec.attention))
        .with_embeddings(true)
        .with_pooling_type(match setup.pooling {
            Pooling::Mean => LlamaPoolingType::Mean,
            Pooling::Cls => LlamaPoolingType::Cls,
            Pooling::Last => LlamaPoolingType::Last,
        })
        // One pool, so that a batch is computed in one pass, over which llama.cpp pools.
        .with_kv_unified(true)
        .with_swa_full(false)
        .with_no_perf(true)
}

impl Encoder for LlamaEncoder<'_> {
    fn allocation(&self) -> Allocation {
        self.allocation
    }

    fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    fn batch_inputs(&self) -> usize {
        self.batch_inputs
    }

    fn encode(&mut self, inputs: &[&[Token]]) -> Result<Encoded, MachineError> {
        let tokens: usize = inputs.iter().map(|input| input.len()).sum();
        if tokens > self.batch_tokens || inputs.len() > self.batch_inputs {
            let reason = format!("{} inputs of {tokens} tokens in one batch", inputs.len());
            return Err(failed("encoding", &reason));
        }
        self.batch.clear();
        for (sequence, input) in (0..).zip(inputs) {
            for (position, token) in (0..).zip(*input) {
                self.batch
                    .add(LlamaToken(token.0), position, &[sequence], true)
                    .map_err(|error| failed("building a batch", &error))?;
            }
        }
        // Without a KV cache, llama.cpp encodes.
        self.context.decode(&mut self.batch).map_err(|error| failed("encoding", &error))?;
        let vectors = (0..)
            .zip(inputs)
            .map(|(sequence, _)| {
                let vector = self.context.embeddings_seq_ith(sequence);
                vector.map(<[f32]>::to_vec).map_err(|error| failed("pooling", &error))
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (sequence, _) in (0..).zip(inputs).filter(|_| self.has_cache) {
            self.context
                .kv_cache_seq_rm(sequence, None, None)
                .map_err(|error| failed("dropping an input", &error))?;
        }
        Ok(Encoded { vectors, ..Encoded::default() })
    }
}

fn failed(action: &'static str, reason: &impl std::fmt::Display) -> MachineError {
    MachineError::Failed { action, reason: reason.to_string() }
}
