//! Settings with which a program runs, as far as the plan states them.

use std::path::PathBuf;

use harmonic_types::{Attention, EnginePlan, EngineProgram, KvType, ProcessSpec, Tokens};

use crate::error::ProgramError;
use crate::launch::Launch;
use crate::{llama_server, ollama, vllm};

/// Settings with which a program runs, or should.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// Requests that run at the same time.
    pub parallel: u32,
    /// Context of each of them.
    pub context: Tokens,
    /// Element type of the KV cache.
    pub kv_type: KvType,
    /// Attention algorithm; `None` if the program chooses.
    pub attention: Option<Attention>,
    /// Compute threads; `None` if the arguments and the environment do not state them.
    pub threads: Option<u32>,
    /// Model file or folder; `None` if requests name the model.
    pub model: Option<PathBuf>,
    /// Share of the device's memory, from 0 to 1; `None` for a program that takes what it needs.
    pub memory_share: Option<f64>,
}

impl InForce {
    /// What the plan wants of `engine`.
    pub fn planned(engine: &EnginePlan, process: &ProcessSpec) -> Self {
        Self {
            parallel: engine.sequences,
            context: process.context,
            kv_type: process.kv_type,
            attention: Some(process.attention),
            threads: Some(process.threads),
            model: process.path.clone(),
            memory_share: None,
        }
    }
}

/// The settings that a launch written by [`crate::launch()`] states.
///
/// # Errors
/// If an argument or a variable is one that this crate does not write.
pub fn read_back(program: EngineProgram, launch: &Launch) -> Result<InForce, ProgramError> {
    match program {
        EngineProgram::Ollama => ollama::read_back(launch),
        EngineProgram::LlamaServer => llama_server::read_back(launch),
        EngineProgram::Vllm => vllm::read_back(launch),
    }
}
