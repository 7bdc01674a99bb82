//! Reasons why a plan cannot be exported, each with its remedy.

use std::io;
use std::path::PathBuf;

use harmonic_types::AgentName;

/// A plan that cannot be expressed for the program it is exported to, or a file that cannot be
/// written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No agent has an engine.
    #[error("the plan places no agent, so there is nothing to start")]
    Empty,
    /// Ports run out.
    #[error("the plan has more servers than there are ports")]
    Ports,
    /// llama-server needs a file.
    #[error("the model {model} is not here, so there is no file for llama-server")]
    NoModelFile {
        /// Its name.
        model: String,
    },
    /// No file, and no name that Ollama could pull.
    #[error("the model {model} is not here, and Ollama's library does not know that name")]
    NotInLibrary {
        /// Its name.
        model: String,
    },
    /// A prompt with three quotes in a row, or one at its end.
    #[error("the prompt of {agent} has quotes that a Modelfile cannot hold")]
    Prompt {
        /// Whose prompt.
        agent: AgentName,
    },
    /// A line break in the name of a model file.
    #[error("a Modelfile cannot name the file {path:?}")]
    ModelPath {
        /// The file.
        path: String,
    },
    /// A word that no shell can be given.
    #[error("a shell script cannot hold {word:?}")]
    ShellWord {
        /// The word.
        word: String,
    },
    /// Another file has the name.
    #[error("{} exists and holds something else", path.display())]
    Occupied {
        /// The file.
        path: PathBuf,
    },
    /// The file system refuses.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: read, write, make the folder.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl ExportError {
    /// The remedy, where the message does not say it already.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty => "`harmonic plan` says what each agent would need".to_owned(),
            Self::Ports => "plan with --sharing shared, or with fewer agents".to_owned(),
            Self::NoModelFile { model } | Self::NotInLibrary { model } => {
                format!("`harmonic models pull {model}` fetches it")
            }
            Self::Prompt { .. } => {
                "write it without three quotes in a row and without a quote at its end".to_owned()
            }
            Self::ModelPath { .. } => "give it a name without line breaks".to_owned(),
            Self::ShellWord { .. } => "give it a name without NUL bytes".to_owned(),
            Self::Occupied { .. } => "remove it, or choose another folder with --out".to_owned(),
            Self::Io { .. } => return None,
        })
    }
}
