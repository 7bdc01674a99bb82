//! Arguments of `import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use harmonic_app::import::ImportSource;

/// Arguments of `import`.
#[derive(Debug, Args)]
pub struct Import {
    /// Settings to import
    #[command(subcommand)]
    pub source: ImportArg,
}

/// Subcommands of `import`.
#[derive(Debug, Subcommand)]
pub enum ImportArg {
    /// Import the installed models of Ollama, each as an agent
    Ollama {
        /// Folder of the store [default: $OLLAMA_MODELS or ~/.ollama/models]
        #[arg(long, value_name = "DIR")]
        store: Option<PathBuf>,
        /// Where the stack file goes
        #[command(flatten)]
        output: ImportOutput,
    },
    /// Import Modelfiles of Ollama, each as an agent with the name of its file
    Modelfile {
        /// Modelfiles, such as coder.Modelfile
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Where the stack file goes
        #[command(flatten)]
        output: ImportOutput,
    },
    /// Import a configuration of llama-swap; each command of llama-server becomes an agent
    LlamaSwap {
        /// Configuration, such as config.yaml
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where the stack file goes
        #[command(flatten)]
        output: ImportOutput,
    },
    /// Import the presets of llama-server's router, each section as an agent
    LlamaServer {
        /// Presets, such as presets.ini
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where the stack file goes
        #[command(flatten)]
        output: ImportOutput,
    },
}

/// Where the stack file of an import goes.
#[derive(Clone, Debug, Args)]
pub struct ImportOutput {
    /// Write the stack file to FILE instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite FILE if it exists
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Print JSON: the stack file and what was not taken over
    #[arg(long)]
    pub json: bool,
}

impl ImportArg {
    /// The source, as `app` reads it, and where the stack file goes.
    pub fn parts(self) -> (ImportSource, ImportOutput) {
        match self {
            Self::Ollama { store, output } => (ImportSource::Ollama(store), output),
            Self::Modelfile { files, output } => (ImportSource::Modelfiles(files), output),
            Self::LlamaSwap { file, output } => (ImportSource::LlamaSwap(file), output),
            Self::LlamaServer { file, output } => (ImportSource::Presets(file), output),
        }
    }
}
