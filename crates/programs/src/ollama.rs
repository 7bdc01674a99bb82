//! Ollama: the environment of `ollama serve`, its model store, and the settings of one that runs.

mod judge;
mod manifest;
mod model_name;
mod one_slot;
mod parameters;
mod server_config;
mod settings;
mod store;

use std::path::{Path, PathBuf};

use harmonic_types::{Attention, EnginePlan, EngineProgram, KvType, ProcessSpec};

pub use self::judge::judge;
pub use self::model_name::ModelName;
pub use self::one_slot::one_slot;
pub use self::parameters::{Parameter, Parameters};
pub use self::server_config::server_config;
pub use self::settings::Settings;
pub use self::store::{OllamaModel, register, registered, unregister};
use crate::error::ProgramError;
use crate::in_force::InForce;
use crate::launch::{Launch, Place};
use crate::llama_server::CPU;
use crate::version::Version;

const PROGRAM: EngineProgram = EngineProgram::Ollama;

/// Folder of its model store.
const MODELS: &str = "OLLAMA_MODELS";

/// Folder of its keys and history, below which it makes `.ollama`.
const HOME: &str = "HOME";

/// GPU that `ROCm` takes another for.
pub const HSA_OVERRIDE: &str = "HSA_OVERRIDE_GFX_VERSION";

/// The paper's value of [`HSA_OVERRIDE`] (§3.1).
pub const PAPER_HSA_OVERRIDE: &str = "11.0.0";

/// The paper's `OLLAMA_NUM_PARALLEL` (§3.1).
pub const PAPER_PARALLEL: u32 = 64;

/// Whether requests share the KV cache. It ends the runner of 0.15 at the second prompt that shares
/// a beginning with another (`docs/sources.md#behaviour-of-ollama`).
pub const MULTIUSER_CACHE: &str = "OLLAMA_MULTIUSER_CACHE";

/// Inherited variables that are not passed on: they change what the plan says, who may ask the
/// server, or where prompts are written.
const REMOVED: [&str; 12] = [
    HSA_OVERRIDE,
    "LLAMA_ARG_FIT",
    "LLAMA_ARG_FIT_TARGET",
    "OLLAMA_AUTH",
    "OLLAMA_DEBUG_LOG_REQUESTS",
    "OLLAMA_GPU_OVERHEAD",
    MULTIUSER_CACHE,
    "OLLAMA_NEW_ENGINE",
    "OLLAMA_NOPRUNE",
    "OLLAMA_ORIGINS",
    "OLLAMA_REMOTES",
    "OLLAMA_SCHED_SPREAD",
];

/// The model store of a server of ours whose private folder is `folder`.
pub fn store(folder: &Path) -> PathBuf {
    folder.join("models")
}

/// Whether this version applies the chat template in a model's file. Earlier ones need it in the
/// store, in Go's notation, as [`OllamaModel::template`].
pub fn reads_chat_template(version: &Version) -> bool {
    version.is_from(0, 32)
}

pub(crate) fn launch(
    engine: &EnginePlan,
    process: &ProcessSpec,
    at: &Place,
) -> Result<Launch, ProgramError> {
    if process.kv_type == KvType::Q8_0 && process.attention == Attention::Plain {
        return Err(ProgramError::Unsupported {
            program: PROGRAM,
            engine: engine.id.clone(),
            reason: "it ignores a q8_0 KV cache without flash attention".to_owned(),
            remedy: "use an f16 KV cache, or flash attention",
        });
    }
    let settings = Settings {
        host: at.host.clone(),
        port: at.port,
        parallel: if at.profile_paper { PAPER_PARALLEL } else { engine.sequences },
        context: process.context,
        // Agents made of one file share one runner.
        loaded_models: 1,
        kv_type: process.kv_type,
        attention: Some(process.attention),
    };
    let mut environment: Vec<(String, _)> = settings
        .variables()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    environment.push((MODELS.to_owned(), store(&at.folder).into()));
    environment.push((HOME.to_owned(), at.folder.clone().into()));
    let mut remove: Vec<String> = REMOVED.map(str::to_owned).to_vec();
    if at.profile_paper && engine.device != CPU {
        remove.retain(|name| name != HSA_OVERRIDE);
        environment.push((HSA_OVERRIDE.to_owned(), PAPER_HSA_OVERRIDE.into()));
    }
    Ok(Launch { arguments: vec!["serve".into()], environment, remove })
}

pub(crate) fn read_back(launch: &Launch) -> Result<InForce, ProgramError> {
    let invalid = |what: String, reason: &str| ProgramError::ReadBack {
        program: PROGRAM,
        what,
        reason: reason.to_owned(),
    };
    if launch.arguments != ["serve"] {
        return Err(invalid("arguments".to_owned(), "expected `serve` alone"));
    }
    let others = [MODELS, HOME, HSA_OVERRIDE];
    let mut variables = Vec::new();
    for (name, value) in &launch.environment {
        if !others.contains(&name.as_str()) {
            let text = value.to_str();
            let text = text.ok_or_else(|| invalid(format!("variable {name}"), "expected UTF-8"))?;
            variables.push((name.as_str(), text));
        }
    }
    let settings = Settings::parse(&variables)?;
    Ok(InForce {
        parallel: settings.parallel,
        context: settings.context,
        kv_type: settings.kv_type,
        attention: settings.attention,
        threads: None,
        model: None,
        memory_share: None,
    })
}
