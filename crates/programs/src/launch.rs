//! What starts a program as the plan says.

use std::ffi::OsString;
use std::path::PathBuf;

use harmonic_types::{Bytes, EnginePlan, EngineProgram, ProcessSpec};

use crate::error::ProgramError;
use crate::{llama_server, ollama, vllm};

/// Where and under which conditions a program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address to listen on.
    pub host: String,
    /// Port to listen on, free at this moment.
    pub port: u16,
    /// Folder of this engine alone: home, working directory and files of the program.
    pub folder: PathBuf,
    /// Whether the settings are the paper's as published.
    pub profile_paper: bool,
    /// Memory of the engine's device: its own, else the machine's. `None` if unknown; only vLLM
    /// needs it.
    pub device_memory: Option<Bytes>,
}

/// Arguments and environment of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// Arguments, without the executable.
    pub arguments: Vec<OsString>,
    /// Variables to set.
    pub environment: Vec<(String, OsString)>,
    /// Inherited variables that are not passed on.
    pub remove: Vec<String>,
}

impl Launch {
    /// Withholds those of the `inherited` variables that would change what the plan says.
    pub fn withhold<'a>(
        &mut self,
        program: EngineProgram,
        inherited: impl IntoIterator<Item = &'a str>,
    ) {
        let is_setting = |name: &&str| match program {
            // Ollama passes its environment on to a llama-server of its own.
            EngineProgram::Ollama | EngineProgram::LlamaServer => name.starts_with("LLAMA_ARG_"),
            EngineProgram::Vllm => false,
        };
        let known: Vec<String> =
            inherited.into_iter().filter(is_setting).map(str::to_owned).collect();
        self.remove.extend(known);
        self.remove.sort_unstable();
        self.remove.dedup();
    }

    /// The value of a variable that is set.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        let set = self.environment.iter().find(|(known, _)| known == name);
        set.map(|(_, value)| value)
    }
}

/// Arguments and environment with which `engine` runs at `at`, as the plan says.
///
/// # Errors
/// If the program cannot do what the plan says, or the model has no file.
pub fn launch(
    engine: &EnginePlan,
    process: &ProcessSpec,
    at: &Place,
) -> Result<Launch, ProgramError> {
    match process.program {
        EngineProgram::Ollama => ollama::launch(engine, process, at),
        EngineProgram::LlamaServer => llama_server::launch(engine, process, at),
        EngineProgram::Vllm => vllm::launch(engine, process, at),
    }
}

#[cfg(test)]
mod tests;
