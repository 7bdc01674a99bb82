//! Kinds of engines, and the programs and dialects among them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Kind of an engine.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// llama.cpp in this process.
    #[default]
    Llama,
    /// A simulated machine.
    Sim,
    /// `ollama serve`, as a child process.
    Ollama,
    /// `llama-server` of llama.cpp, as a child process.
    LlamaServer,
    /// `vllm serve`, as a child process.
    Vllm,
    /// A server that already runs.
    Remote,
}

impl EngineKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Llama, Self::Sim, Self::Ollama, Self::LlamaServer, Self::Vllm, Self::Remote];

    /// The name in arguments, stack files and the status of engines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Sim => "sim",
            Self::Ollama => "ollama",
            Self::LlamaServer => "llama-server",
            Self::Vllm => "vllm",
            Self::Remote => "remote",
        }
    }

    /// Whether model files must be present on this machine.
    pub const fn needs_models(self) -> bool {
        matches!(self, Self::Llama | Self::Ollama | Self::LlamaServer)
    }

    /// The program that this kind runs; `None` for an engine in this process and a server.
    pub const fn program(self) -> Option<EngineProgram> {
        match self {
            Self::Ollama => Some(EngineProgram::Ollama),
            Self::LlamaServer => Some(EngineProgram::LlamaServer),
            Self::Vllm => Some(EngineProgram::Vllm),
            Self::Llama | Self::Sim | Self::Remote => None,
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A server program of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineProgram {
    /// Ollama.
    Ollama,
    /// `llama-server` of llama.cpp.
    LlamaServer,
    /// vLLM.
    Vllm,
}

impl EngineProgram {
    /// All programs.
    pub const ALL: [Self; 3] = [Self::Ollama, Self::LlamaServer, Self::Vllm];

    /// The kind of an engine that is this program.
    pub const fn kind(self) -> EngineKind {
        match self {
            Self::Ollama => EngineKind::Ollama,
            Self::LlamaServer => EngineKind::LlamaServer,
            Self::Vllm => EngineKind::Vllm,
        }
    }

    /// The name, which is that of its executable, too.
    pub const fn as_str(self) -> &'static str {
        self.kind().as_str()
    }
}

impl fmt::Display for EngineProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// API of a server that already runs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RemoteDialect {
    /// `/v1/chat/completions`.
    #[default]
    OpenAi,
    /// `/api/chat`.
    Ollama,
}

impl RemoteDialect {
    /// All dialects.
    pub const ALL: [Self; 2] = [Self::OpenAi, Self::Ollama];

    /// The name in plans and stack files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Ollama => "ollama",
        }
    }
}

impl fmt::Display for RemoteDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RemoteDialect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|dialect| dialect.as_str() == text);
        named.ok_or_else(|| format!("invalid dialect `{text}`: expected openai or ollama"))
    }
}
