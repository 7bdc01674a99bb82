//! Conversion of a published checkpoint to GGUF: the files of a BERT that `sentence-transformers`
//! writes, as llama.cpp's `convert_hf_to_gguf.py` converts them.
//!
//! | file | states |
//! |---|---|
//! | `config.json` | the architecture and its sizes |
//! | `modules.json`, and the `config.json` of the pooling that it names | how vectors are pooled |
//! | `vocab.txt`, `tokenizer_config.json` | the vocabulary of `WordPiece`, and whether case counts |
//! | `model.safetensors` | the weights |
//!
//! Invariants: the same files result in the same bytes, so that the digest of the result vouches for
//! them; what a model needs and llama.cpp does not compute is refused by its name; no file makes the
//! conversion panic, or read more than its limit.
//!
//! Does not do: download (`pull`), architectures other than BERT, checkpoints in several files.

mod bert;
mod pooling;
mod weights;
mod word_piece;

use std::io::{self, Write};

use serde::de::DeserializeOwned;

use crate::gguf::GgufBuilder;

/// Longest file other than the weights, in bytes.
const MAX_TEXT_BYTES: u64 = 16 << 20;

/// The files of a checkpoint. The second argument is the longest length that is read.
pub(crate) trait CheckpointFiles {
    /// The content of `file`; `None` if there is none.
    fn read(&mut self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, CheckpointError>;
}

/// Failure of a conversion.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    /// An absent file.
    #[error("`{0}` is missing: expected a checkpoint as `sentence-transformers` writes it")]
    Missing(String),
    /// A file that cannot be read.
    #[error("`{file}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Cause.
        reason: String,
    },
    /// A property of the model that is not supported.
    #[error("`{file}`: {reason}")]
    Unsupported {
        /// The file that states it.
        file: String,
        /// The property, and what is supported.
        reason: String,
    },
    /// The result cannot be written.
    #[error("cannot write the model: {0}")]
    Write(#[from] io::Error),
}

impl CheckpointError {
    fn unsupported(file: &str, reason: impl Into<String>) -> Self {
        Self::Unsupported { file: file.to_owned(), reason: reason.into() }
    }

    fn unreadable(file: &str, reason: &impl ToString) -> Self {
        Self::Unreadable { file: file.to_owned(), reason: reason.to_string() }
    }
}

/// Converts `files` to a GGUF file with matrices in F16; `advance` is told the bytes of each tensor
/// that is written, and may fail to stop.
pub(crate) fn convert(
    files: &mut dyn CheckpointFiles,
    output: &mut impl Write,
    advance: impl FnMut(usize) -> io::Result<()>,
) -> Result<(), CheckpointError> {
    let config: bert::Config = json(files, bert::CONFIG)?;
    let pooling = pooling::read(files)?;
    let vocabulary = word_piece::read(files, config.vocab_size)?;
    let file = GgufBuilder::new("bert");
    let file = vocabulary.describe(config.describe(file)?).number(".pooling_type", pooling);
    let weights = weights::Weights::read(files)?;
    weights.write(&config.tensors(), file, output, advance)
}

/// A JSON file that must be there.
fn json<T: DeserializeOwned>(
    files: &mut dyn CheckpointFiles,
    file: &str,
) -> Result<T, CheckpointError> {
    optional_json(files, file)?.ok_or_else(|| CheckpointError::Missing(file.to_owned()))
}

fn optional_json<T: DeserializeOwned>(
    files: &mut dyn CheckpointFiles,
    file: &str,
) -> Result<Option<T>, CheckpointError> {
    let Some(bytes) = files.read(file, MAX_TEXT_BYTES)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| CheckpointError::unreadable(file, &error))
}

#[cfg(test)]
mod tests;
