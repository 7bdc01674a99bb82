//! Errors of the export of a plan, each with its remedy.

use std::io;
use std::path::PathBuf;

use harmonic_programs::ProgramError;
use harmonic_types::AgentName;

/// A plan that cannot be expressed for the target program, or a failed write.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A plan without engines.
    #[error("invalid plan: expected at least one placed agent")]
    Empty,
    /// An engine that is a server which already runs.
    #[error("the engine {engine} is a server that already runs: there is nothing to export for it")]
    Remote {
        /// Identifier of the engine.
        engine: String,
    },
    /// Settings that the program does not have.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// More servers than ports.
    #[error("the plan has more servers than available ports")]
    Ports,
    /// A model without a file, which llama-server requires.
    #[error("llama-server requires a model file, but {model} is not downloaded")]
    NoModelFile {
        /// Name of the model.
        model: String,
    },
    /// A model without a file whose name Ollama cannot pull.
    #[error("the model {model} is not downloaded, and its name is not one of Ollama's library")]
    NotInLibrary {
        /// Name of the model.
        model: String,
    },
    /// A prompt with three consecutive quotes, or one at its end.
    #[error("the prompt of {agent} has quotes that a Modelfile cannot express")]
    Prompt {
        /// Agent with the prompt.
        agent: AgentName,
    },
    /// A name of a model file with a line break, or not in UTF-8.
    #[error("invalid model file {path:?}: expected a path in UTF-8 without line breaks")]
    ModelPath {
        /// The file.
        path: String,
    },
    /// An argument with a NUL byte.
    #[error("invalid argument {word:?}: expected no NUL bytes in a shell script")]
    ShellWord {
        /// The argument.
        word: String,
    },
    /// An existing file with other content.
    #[error("{} exists with other content", path.display())]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// Error of the operating system.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The attempted action, a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

impl ExportError {
    /// The remedy, unless the message contains it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty => "`harmonic plan` shows what each agent requires".to_owned(),
            Self::Remote { .. } => "plan without --engine remote=URL".to_owned(),
            Self::Program(error) => return error.hint(),
            Self::Ports => "plan with --sharing shared, or with fewer agents".to_owned(),
            Self::NoModelFile { model } | Self::NotInLibrary { model } => {
                format!("`harmonic models pull {model}` fetches it")
            }
            Self::Prompt { .. } => {
                "write it without three quotes in a row and without a quote at its end".to_owned()
            }
            Self::ModelPath { .. } => "rename the file".to_owned(),
            Self::ShellWord { .. } => "remove the NUL bytes".to_owned(),
            Self::Occupied { .. } => "remove it, or choose another folder with --out".to_owned(),
            Self::Io { .. } => return None,
        })
    }
}
