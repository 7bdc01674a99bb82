//! The header of a GGUF file: metadata and tensor table, versions 2 and 3, little endian.
//!
//! Owns: reading the header of *any* bytes without a panic and within fixed memory
//! ([`reader::MAX_KEPT_BYTES`]), what follows from it ([`shape()`]), which headers are refused because
//! llama.cpp would end the process over them (`validation`), and writing files ([`writer`]).
//!
//! Invariants: every error says what is wrong and at which byte; arrays longer than
//! [`reader::MAX_KEPT_ELEMENTS`] keep their length and not their elements (token lists; nothing
//! here needs them).
//!
//! Does not do: reading tensor data, tokenising, GGUF version 1 (no engine loads it any more).
//!
//! Source of the format: `ggml/include/gguf.h` and `ggml/src/gguf.cpp` of llama.cpp.

mod census;
pub mod fault;
pub mod geometry;
pub mod reader;
mod recurrent;
pub mod shape;
pub mod tensor;
mod validation;
pub mod value;
pub mod window;
pub mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::ModelError;

use census::Census;
pub use fault::GgufError;
pub use shape::shape;
pub use tensor::{TensorInfo, TensorType};
pub use value::Value;
pub use writer::{Fill, Gguf, Metadata};

/// What stands before the tensor data.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Format version, 2 or 3.
    pub version: u32,
    /// Metadata by key.
    pub metadata: BTreeMap<String, Value>,
    /// Tensors in the order of the file.
    pub tensors: Vec<TensorInfo>,
    /// Where the tensor data begin, in bytes from the start of the file.
    pub data_offset: u64,
    /// What the reader noted of the vocabulary.
    census: Census,
}

impl Header {
    /// Reads a header from `bytes`, of which `length` exist in all.
    ///
    /// # Errors
    /// Says what is wrong with the bytes, and where.
    pub fn read(bytes: impl Read, length: u64) -> Result<Self, GgufError> {
        reader::read(bytes, length)
    }

    /// Reads the header of a file and checks that the file holds all its tensor data.
    ///
    /// # Errors
    /// When the file is missing, unreadable, not GGUF, or cut short.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let gguf = |fault| ModelError::Gguf { path: path.display().to_string(), fault };
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => ModelError::Missing(path.to_owned()),
            _ => ModelError::io("open", path)(error),
        })?;
        let about = file.metadata().map_err(ModelError::io("read", path))?;
        if !about.is_file() {
            return Err(gguf(GgufError::NotAFile));
        }
        let header =
            Self::read(BufReader::with_capacity(1 << 18, file), about.len()).map_err(gguf)?;
        header.check_length(about.len()).map_err(gguf)?;
        Ok(header)
    }

    /// Checks that a file of `length` bytes reaches the end of its last tensor.
    ///
    /// # Errors
    /// [`GgufError::DataTruncated`], naming the tensor.
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
    /// When the key is absent or not a string.
    pub fn architecture(&self) -> Result<&str, GgufError> {
        const KEY: &str = "general.architecture";
        self.metadata.get(KEY).ok_or_else(|| GgufError::missing(KEY))?.as_str(KEY)
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
