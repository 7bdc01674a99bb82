//! Where an engine computes, and what its cost model counts there.
//!
//! | runtime | counts |
//! |---|---|
//! | in this process | everything; it retains prefixes, preempts, and chooses layout and attention |
//! | a program of others | weights, one context for all sequences in streams, compute, and the overhead of the program; it retains and preempts nothing of ours |
//! | elsewhere | nothing |

use harmonic_types::{Bytes, EngineChoice, EngineProgram, EngineSpec};

/// Where an engine computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Runtime {
    /// In this process.
    #[default]
    InProcess,
    /// In a child process that runs a program of others.
    Program(EngineProgram),
    /// On a server that already runs, whose memory is not ours.
    Elsewhere,
}

impl Runtime {
    /// Runtime of an engine of this choice.
    pub(crate) const fn of(choice: &EngineChoice) -> Self {
        match choice {
            EngineChoice::Llama | EngineChoice::Sim => Self::InProcess,
            EngineChoice::Process(process) => Self::Program(process.program),
            EngineChoice::Remote(_) => Self::Elsewhere,
        }
    }

    /// Runtime of a planned engine.
    pub(crate) const fn of_spec(spec: &EngineSpec) -> Self {
        match spec {
            EngineSpec::Llama(_) | EngineSpec::Sim(_) => Self::InProcess,
            EngineSpec::Process(process) => Self::Program(process.program),
            EngineSpec::Remote(_) => Self::Elsewhere,
        }
    }

    /// Whether plain attention can be chosen. Ollama and vLLM choose themselves.
    pub(crate) const fn chooses_attention(self) -> bool {
        matches!(self, Self::InProcess | Self::Program(EngineProgram::LlamaServer))
    }

    /// Memory of the program beyond that of the same engine in this process
    /// (`docs/sources.md#memory-of-engine-programs`).
    pub(crate) const fn overhead(self) -> Bytes {
        match self {
            Self::InProcess | Self::Elsewhere => Bytes::ZERO,
            Self::Program(EngineProgram::LlamaServer) => Bytes(64_000_000),
            Self::Program(EngineProgram::Ollama) => Bytes(132_000_000),
            Self::Program(EngineProgram::Vllm) => Bytes(2_000_000_000),
        }
    }
}
