//! Errors of engine programs, each with its remedy.

use std::io;
use std::path::PathBuf;

use harmonic_fsutil::FileError;
use harmonic_types::EngineProgram;

/// A program that is missing or cannot do what the plan says, or a failed operation on its files.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// No executable of that name in the folders of `PATH`.
    #[error("cannot find `{program}` on PATH")]
    NotFound {
        /// The program.
        program: EngineProgram,
    },
    /// A named file that cannot be executed.
    #[error("invalid executable `{}`: expected an executable file", path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
    },
    /// A program that does not start.
    #[error("cannot run `{} --version`: {source}", path.display())]
    Probe {
        /// The executable.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A program that does not state a version.
    #[error("`{} --version` states no version of {program}: `{output}`", path.display())]
    NoVersion {
        /// The program it was taken for.
        program: EngineProgram,
        /// The executable.
        path: PathBuf,
        /// Beginning of its output.
        output: String,
    },
    /// A program that does not answer.
    #[error("`{} --version` did not end within {seconds} s", path.display())]
    ProbeTimeout {
        /// The executable.
        path: PathBuf,
        /// The time limit.
        seconds: u64,
    },
    /// A model without a file.
    #[error("{program} requires a model file, but {model} is not on this machine")]
    NoModelFile {
        /// The program.
        program: EngineProgram,
        /// Name of the model.
        model: String,
    },
    /// A setting of the plan that the program does not have.
    #[error("{program} cannot run the engine `{engine}`: {reason}")]
    Unsupported {
        /// The program.
        program: EngineProgram,
        /// Identifier of the engine in the plan.
        engine: String,
        /// What it cannot do.
        reason: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// Arguments or an environment that this crate would not write.
    #[error("invalid {what} of {program}: {reason}")]
    ReadBack {
        /// The program.
        program: EngineProgram,
        /// Flag or variable.
        what: String,
        /// What is expected.
        reason: String,
    },
    /// A document of a running server that is not what its program writes.
    #[error("invalid {document} of {program}: {reason}")]
    Document {
        /// The program.
        program: EngineProgram,
        /// Name of the document.
        document: &'static str,
        /// Cause.
        reason: String,
    },
    /// A parameter of an Ollama model.
    #[error("invalid parameter `{name}`: expected {expected}")]
    Parameter {
        /// Name of the parameter.
        name: String,
        /// What is expected.
        expected: String,
    },
    /// A model that cannot be registered.
    #[error("invalid {what} of the Ollama model `{model}`: expected {expected}")]
    Model {
        /// Name of the model.
        model: String,
        /// The offending field, with its value.
        what: String,
        /// What is expected.
        expected: &'static str,
    },
    /// A model of this name that was made by others.
    #[error("the model `{model}` exists in {} and is not one of ours", store.display())]
    Foreign {
        /// Name of the model.
        model: String,
        /// The model store.
        store: PathBuf,
    },
    /// Error of the operating system on a file of a model store.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The attempted action, a verb phrase.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The lock of a model store, or a file in it.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ProgramError {
    /// The remedy, unless the message contains it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { program } => {
                format!("install {program}, or name its executable: --engine {program}=PATH")
            }
            Self::NotExecutable { .. } | Self::NoVersion { .. } => {
                "name the executable of the program itself".to_owned()
            }
            Self::Probe { .. } | Self::ProbeTimeout { .. } => {
                "run the command yourself to see why".to_owned()
            }
            Self::NoModelFile { program: EngineProgram::Vllm, .. } => {
                "give the agent's model as the path of a model folder".to_owned()
            }
            Self::NoModelFile { model, .. } => format!("`harmonic models pull {model}` fetches it"),
            Self::Unsupported { remedy, .. } => (*remedy).to_owned(),
            Self::Document { program, .. } => {
                format!("ask a {program} whose version was tested: `harmonic doctor` names them")
            }
            Self::Foreign { model, .. } => {
                format!("`ollama rm {model}` removes it; or name the agent differently")
            }
            Self::ReadBack { .. }
            | Self::Parameter { .. }
            | Self::Model { .. }
            | Self::Io { .. }
            | Self::File(_) => return None,
        })
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
