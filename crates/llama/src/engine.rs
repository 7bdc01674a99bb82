//! Start of a planned llama.cpp engine.

use std::path::PathBuf;
use std::sync::Arc;

use harmonic_engine::clock::WallClock;
use harmonic_engine::{EngineError, Identity, Local, LocalConfig};
use harmonic_types::{Attention, KvLayout, KvType, LlamaSpec, LocalSpec};

use crate::machine::LlamaMachine;
use crate::model::Model;
use crate::version::BUILD;

/// llama.cpp settings of a planned engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LlamaSetup {
    /// Engine id, for messages.
    pub id: String,
    /// GGUF file.
    pub path: PathBuf,
    /// Compute threads.
    pub threads: u32,
    /// Sequences of the context, at most 256.
    pub sequences: u32,
    /// Total cells of the KV cache.
    pub kv_tokens: u64,
    /// Layout of the KV cache.
    pub kv_layout: KvLayout,
    /// Element type of the KV cache.
    pub kv_type: KvType,
    /// Attention implementation. A quantised cache needs [`Attention::Flash`].
    pub attention: Attention,
    /// Limit on tokens in one batch.
    pub batch_tokens: u32,
}

impl LlamaSetup {
    /// Settings of a planned engine with configuration `config`.
    ///
    /// # Errors
    /// [`EngineError::Setup`] if the plan names no file.
    pub fn of(llama: &LlamaSpec, config: &LocalConfig) -> Result<Self, EngineError> {
        let LlamaSpec { local, attention } = llama;
        Ok(Self {
            id: config.id.clone(),
            path: path(local, config)?,
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

/// The file of a planned engine.
///
/// # Errors
/// [`EngineError::Setup`] if the plan names none.
pub(crate) fn path(local: &LocalSpec, config: &LocalConfig) -> Result<PathBuf, EngineError> {
    local.path.clone().ok_or_else(|| EngineError::Setup {
        id: config.id.clone(),
        reason: format!("the plan names no file for {}: pull it and plan again", config.model),
    })
}

/// `planned` with this build, and the cache of the context instead of the planned one.
pub(crate) fn identity(planned: Identity, cache: Option<(KvLayout, KvType)>) -> Identity {
    Identity {
        build: Some(BUILD.to_owned()),
        kv_layout: cache.map(|(layout, _)| layout),
        kv_type: cache.map(|(_, kv_type)| kv_type),
        ..planned
    }
}

/// Loads the model and starts its engine. Blocks until ready.
///
/// # Errors
/// [`EngineError`] if the file cannot be loaded or the context cannot be created.
pub fn spawn(setup: LlamaSetup, mut config: LocalConfig) -> Result<Local, EngineError> {
    config.identity = identity(config.identity, Some((setup.kv_layout, setup.kv_type)));
    let model = Model::load(&setup.path)?;
    let vocabulary = Arc::new(model.clone());
    Local::spawn(config, vocabulary, move |thread| {
        let machine = LlamaMachine::new(&model, &setup)?;
        thread.drive(machine, &mut WallClock::default())
    })
}
