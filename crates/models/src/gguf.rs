//! The header of a GGUF file: metadata and tensor table, versions 2 and 3, little endian.
//!
//! Owns: reading the header of *any* bytes without a panic and within fixed memory
//! ([`reader::MAX_KEPT_BYTES`]), the model shape derived from it ([`shape()`]), rejection of
//! headers on which llama.cpp would abort the process (`validation`), and writing files
//! ([`writer`]).
//!
//! Invariants: every error states the cause and the byte offset; of arrays longer than
//! [`reader::MAX_KEPT_ELEMENTS`] only the length is kept (token lists, whose elements are not
//! needed).
//!
//! Does not do: read tensor data, tokenise, support GGUF version 1 (no current engine loads it).
//!
//! Source of the format: `ggml/include/gguf.h` and `ggml/src/gguf.cpp` of llama.cpp.

pub mod error;
mod file_type;
pub mod geometry;
pub mod reader;
mod recurrent;
pub mod shape;
pub mod tensor;
mod validation;
pub mod value;
mod vocabulary_scan;
pub mod window;
pub mod writer;

use std::collections::BTreeMap;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use harmonic_fsutil::open_input;

use crate::error::ModelError;

pub use error::GgufError;
pub use shape::shape;
pub use tensor::{TensorInfo, TensorType};
pub use value::Value;
use vocabulary_scan::VocabularyScan;
pub use writer::{Fill, GgufBuilder, Metadata};

/// The header: everything before the tensor data.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Format version, 2 or 3.
    pub version: u32,
    /// Metadata by key.
    pub metadata: BTreeMap<String, Value>,
    /// Tensors in the order of the file.
    pub tensors: Vec<TensorInfo>,
    /// Start of the tensor data, in bytes from the start of the file.
    pub data_offset: u64,
    /// Facts about the vocabulary, collected while reading.
    vocabulary: VocabularyScan,
}

impl Header {
    /// Reads a header from `bytes`, of the total length `length`.
    ///
    /// # Errors
    /// The cause, with the byte offset.
    pub fn read(bytes: impl Read, length: u64) -> Result<Self, GgufError> {
        reader::read(bytes, length)
    }

    /// Reads the header of a file and checks that the file contains all tensor data.
    ///
    /// # Errors
    /// If the file is missing, unreadable, not GGUF, or truncated.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let gguf = |error| ModelError::Gguf { path: path.display().to_string(), error };
        let file = open_input(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => ModelError::Missing(path.to_owned()),
            ErrorKind::InvalidInput => gguf(GgufError::NotAFile),
            _ => ModelError::io("open", path)(error),
        })?;
        let about = file.metadata().map_err(ModelError::io("read", path))?;
        let header =
            Self::read(BufReader::with_capacity(1 << 18, file), about.len()).map_err(gguf)?;
        header.check_length(about.len()).map_err(gguf)?;
        Ok(header)
    }

    /// Checks that a file of `length` bytes contains all its tensors.
    ///
    /// # Errors
    /// [`GgufError::DataTruncated`], with the tensor.
    pub fn check_length(&self, length: u64) -> Result<(), GgufError> {
        for tensor in &self.tensors {
            let end = self
                .data_offset
                .checked_add(tensor.offset)
                .and_then(|start| start.checked_add(tensor.bytes));
            if end.is_none_or(|end| end > length) {
                return Err(GgufError::DataTruncated {
                    tensor: tensor.name.clone(),
                    end: end.unwrap_or(u64::MAX),
                    length,
                });
            }
        }
        Ok(())
    }

    /// GGUF `general.architecture`.
    ///
    /// # Errors
    /// If the key is absent or not a string.
    pub fn architecture(&self) -> Result<&str, GgufError> {
        const KEY: &str = "general.architecture";
        self.metadata.get(KEY).ok_or_else(|| GgufError::missing(KEY))?.as_str(KEY)
    }

    /// Whether an embedding model says by its tags, which come from its model card, that its vectors
    /// can be shortened (Matryoshka representation learning).
    pub fn is_matryoshka(&self) -> bool {
        let says = |tag: &Value| match tag {
            Value::Text(tag) => tag.to_ascii_lowercase().contains("matryoshka"),
            _ => false,
        };
        match self.metadata.get("general.tags") {
            Some(Value::Array { elements, .. }) => elements.iter().any(says),
            _ => false,
        }
    }

    /// The Jinja chat template; `None` for a base model.
    pub fn chat_template(&self) -> Option<&str> {
        self.metadata
            .get("tokenizer.chat_template")
            .and_then(|value| value.as_str("tokenizer.chat_template").ok())
    }
}

#[cfg(test)]
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;
