//! llama.cpp as an engine: a planned engine, started.

use std::path::PathBuf;
use std::sync::Arc;

use harmonic_engine::clock::WallClock;
use harmonic_engine::{EngineError, Identity, Local, LocalConfig};
use harmonic_types::{Attention, KvLayout, KvType, LlamaSpec};

use crate::machine::LlamaMachine;
use crate::model::Model;
use crate::version::BUILD;

/// What llama.cpp must know of a planned engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlamaSetup {
    /// The engine, for messages.
    pub id: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// Compute threads.
    pub threads: u32,
    /// Sequences of the context; at most 256.
    pub sequences: u32,
    /// Cells of the KV cache in all.
    pub kv_tokens: u64,
    /// Layout of the KV cache.
    pub kv_layout: KvLayout,
    /// Element type of the KV cache.
    pub kv_type: KvType,
    /// How attention is computed. A quantised cache needs [`Attention::Flash`].
    pub attention: Attention,
    /// Most tokens in one batch.
    pub batch_tokens: u32,
}

impl LlamaSetup {
    /// Of a planned engine, whose share of the plan is `config`.
    ///
    /// # Errors
    /// When the plan names no file.
    pub fn of(llama: &LlamaSpec, config: &LocalConfig) -> Result<Self, EngineError> {
        let LlamaSpec { local, attention } = llama;
        let path = local.path.clone().ok_or_else(|| EngineError::Setup {
            id: config.id.clone(),
            reason: format!("the plan names no file for {}: pull it and plan again", config.model),
        })?;
        Ok(Self {
            id: config.id.clone(),
            path,
            threads: local.threads,
            sequences: config.sequences,
            kv_tokens: local.kv_tokens,
            kv_layout: local.kv_layout,
            kv_type: local.kv_type,
            attention: *attention,
            batch_tokens: LocalConfig::BATCH_TOKENS.max(config.sequences),
        })
    }
}

/// Loads the model and starts its engine. Blocks until it is ready.
///
/// # Errors
/// When the file cannot be loaded or the context not be created.
pub fn spawn(setup: LlamaSetup, mut config: LocalConfig) -> Result<Local, EngineError> {
    config.identity = Identity {
        build: Some(BUILD.to_owned()),
        // As the context is made: a plan is what was wanted.
        kv_layout: Some(setup.kv_layout),
        kv_type: Some(setup.kv_type),
        ..config.identity
    };
    let model = Model::load(&setup.path)?;
    let vocabulary = Arc::new(model.clone());
    Local::spawn(config, vocabulary, move |thread| {
        let machine = LlamaMachine::new(&model, &setup)?;
        thread.drive(machine, &mut WallClock::default())
    })
}
