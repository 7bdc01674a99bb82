//! Errors of an import as a whole, each with the position and what was expected.

use std::io;
use std::path::PathBuf;

use crate::MAX_TEXT;

/// A text or store that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A text that breaks the rules of its format.
    #[error("{origin}:{line}: {reason}")]
    Syntax {
        /// Name of the text.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A text above a limit.
    #[error("{origin}: {reason}")]
    Excessive {
        /// Name of the text.
        origin: String,
        /// The limit.
        reason: String,
    },
    /// A folder that is no Ollama store.
    #[error(
        "no Ollama store in {}: expected a folder with `manifests` and `blobs`, such as \
         ~/.ollama/models", path.display()
    )]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// A folder that cannot be listed.
    #[error("cannot list {}: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// Maximum number of models in one source.
const MAX_MODELS: usize = 1000;

impl ImportError {
    /// Refuses a text above [`MAX_TEXT`].
    pub(crate) fn check_length(text: &str, origin: &str) -> Result<(), Self> {
        if text.len() as u64 <= MAX_TEXT {
            return Ok(());
        }
        let reason = format!("the text is too long: expected at most {MAX_TEXT} bytes");
        Err(Self::Excessive { origin: origin.to_owned(), reason })
    }

    /// Refuses more models than any machine serves.
    pub(crate) fn check_models(count: usize, origin: &str) -> Result<(), Self> {
        if count <= MAX_MODELS {
            return Ok(());
        }
        let reason = format!("{count} models: expected at most {MAX_MODELS}");
        Err(Self::Excessive { origin: origin.to_owned(), reason })
    }
}
