//! Writing of GGUF files: metadata of every type, tensors of given shapes and types with
//! deterministic contents, as one file or in shards.
//!
//! For synthetic files, the inputs of tests and benchmarks in all crates (`crate::synthetic` builds
//! models for llama.cpp with it), and for the headers of converted checkpoints.
//!
//! Invariants: the same calls result in the same bytes; a tensor's contents depend only on its
//! name, shape, type and [`Fill`], so splitting a file does not change them. Input is not
//! validated, so that tests can write contradictory files.

mod fill;
mod metadata;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::gguf::tensor::TensorType;

pub use fill::Fill;
pub use metadata::Metadata;

/// Default alignment of tensor data.
const ALIGNMENT: u64 = 32;

/// Builder of a GGUF file. Keys that start with `.` are prefixed with the architecture; a repeated
/// key or tensor replaces the former.
#[derive(Clone, Debug)]
pub struct GgufBuilder {
    /// Format version in the header.
    pub version: u32,
    architecture: String,
    alignment: u64,
    entries: Vec<(String, Vec<u8>)>,
    tensors: Vec<Tensor>,
}

#[derive(Clone, Debug)]
struct Tensor {
    name: String,
    dimensions: Vec<u64>,
    kind: TensorType,
    fill: Fill,
}

impl Tensor {
    fn elements(&self) -> u64 {
        self.dimensions.iter().product()
    }

    fn bytes(&self) -> u64 {
        let (block, bytes) = self.kind.block();
        self.elements() / block * bytes
    }
}

impl GgufBuilder {
    /// A file of version 3 with only its architecture.
    pub fn new(architecture: &str) -> Self {
        let mut empty = Self::empty();
        architecture.clone_into(&mut empty.architecture);
        empty.text("general.architecture", architecture)
    }

    /// A file without metadata.
    fn empty() -> Self {
        Self {
            version: 3,
            architecture: String::new(),
            alignment: ALIGNMENT,
            entries: Vec::new(),
            tensors: Vec::new(),
        }
    }

    fn key(&self, key: &str) -> String {
        match key.strip_prefix('.') {
            Some(rest) => format!("{}.{rest}", self.architecture),
            None => key.to_owned(),
        }
    }

    /// With this entry, its type number and bytes as given, valid or not.
    pub fn raw(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        let key = self.key(key);
        let mut bytes = kind.to_le_bytes().to_vec();
        bytes.extend_from_slice(value);
        match self.entries.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => *old = bytes,
            None => self.entries.push((key, bytes)),
        }
        self
    }

    /// With this entry.
    pub fn with(self, key: &str, value: &Metadata) -> Self {
        let (kind, bytes) = (value.kind(), value.bytes());
        self.raw(key, kind, &bytes)
    }

    /// Without this entry.
    pub fn without(mut self, key: &str) -> Self {
        let key = self.key(key);
        self.entries.retain(|(other, _)| *other != key);
        self
    }

    /// With this `u32`.
    pub fn number(self, key: &str, value: u32) -> Self {
        self.with(key, &Metadata::U32(value))
    }

    /// With this `f32`.
    pub fn float(self, key: &str, value: f32) -> Self {
        self.with(key, &Metadata::F32(value))
    }

    /// With this Boolean.
    pub fn flag(self, key: &str, value: bool) -> Self {
        self.with(key, &Metadata::Bool(value))
    }

    /// With this text.
    pub fn text(self, key: &str, value: &str) -> Self {
        self.with(key, &Metadata::text(value))
    }

    /// With this list of `u32`.
    pub fn numbers(self, key: &str, values: &[u32]) -> Self {
        self.with(key, &Metadata::list(values.iter().copied().map(Metadata::U32)))
    }

    /// With this list of Booleans.
    pub fn flags(self, key: &str, values: &[bool]) -> Self {
        self.with(key, &Metadata::list(values.iter().copied().map(Metadata::Bool)))
    }

    /// With `alignment` for the tensor data, stated in the metadata. A power of two.
    pub fn aligned(mut self, alignment: u32) -> Self {
        self.alignment = alignment.into();
        self.number("general.alignment", alignment)
    }

    /// With this tensor, dimensions innermost first, the first one a multiple of the type's block.
    pub fn tensor(mut self, name: &str, dimensions: &[u64], kind: TensorType, fill: Fill) -> Self {
        let (name, dimensions) = (name.to_owned(), dimensions.to_vec());
        let tensor = Tensor { name, dimensions, kind, fill };
        match self.tensors.iter_mut().find(|other| other.name == tensor.name) {
            Some(old) => *old = tensor,
            None => self.tensors.push(tensor),
        }
        self
    }

    /// With this tensor, its data a byte pattern without meaningful numbers.
    pub fn matrix(self, name: &str, dimensions: &[u64], kind: TensorType) -> Self {
        self.tensor(name, dimensions, kind, Fill::Pattern)
    }

    /// Without this tensor.
    pub fn without_tensor(mut self, name: &str) -> Self {
        self.tensors.retain(|tensor| tensor.name != name);
        self
    }

    /// Everything before the tensor data.
    pub fn header(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.entries.len() as u64).to_le_bytes());
        for (key, value) in &self.entries {
            bytes.extend(metadata::text(key));
            bytes.extend(value);
        }
        let mut offset = 0_u64;
        for tensor in &self.tensors {
            bytes.extend(metadata::text(&tensor.name));
            bytes.extend(u32::try_from(tensor.dimensions.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend(tensor.dimensions.iter().flat_map(|side| side.to_le_bytes()));
            bytes.extend(tensor.kind.id().to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset += tensor.bytes().next_multiple_of(self.alignment);
        }
        pad(&mut bytes, self.alignment);
        bytes
    }

    /// Pads the data of a tensor.
    pub(crate) fn pad(&self, data: &mut Vec<u8>) {
        pad(data, self.alignment);
    }

    /// The complete file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        for tensor in &self.tensors {
            bytes.extend(self.data(tensor));
        }
        bytes
    }

    /// Writes the complete file, one tensor in memory at a time.
    ///
    /// # Errors
    /// If `path` cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(&self.header())?;
        for tensor in &self.tensors {
            file.write_all(&self.data(tensor))?;
        }
        file.flush()
    }

    fn data(&self, tensor: &Tensor) -> Vec<u8> {
        let mut data = tensor.fill.data(&tensor.name, tensor.kind, tensor.elements());
        pad(&mut data, self.alignment);
        data
    }

    /// Bytes of all tensors.
    pub fn tensor_bytes(&self) -> u64 {
        self.tensors.iter().map(Tensor::bytes).sum()
    }

    /// The same model in `shards` files, as written by llama.cpp's `gguf-split`: the first has the
    /// metadata, the tensors are distributed in order.
    pub fn split(&self, shards: u16) -> Vec<Self> {
        let total = self.tensors.len();
        let each = total.div_ceil(usize::from(shards.max(1)));
        (0..shards)
            .map(|shard| {
                let mut part = Self { tensors: Vec::new(), ..self.clone() };
                if shard > 0 {
                    part.entries.clear();
                }
                let from = (usize::from(shard) * each).min(total);
                part.tensors = self.tensors[from..(from + each).min(total)].to_vec();
                let total = i32::try_from(total).unwrap_or(i32::MAX);
                part.with("split.no", &Metadata::U16(shard))
                    .with("split.count", &Metadata::U16(shards))
                    .with("split.tensors.count", &Metadata::I32(total))
            })
            .collect()
    }

    /// Writes the shards of [`GgufBuilder::split`] into `folder` as `STEM-00001-of-00003.gguf` and
    /// so on. Returns their paths in order.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write_split(&self, folder: &Path, stem: &str, shards: u16) -> io::Result<Vec<PathBuf>> {
        let parts = self.split(shards).into_iter().zip(1..);
        parts
            .map(|(part, number): (Self, u32)| {
                let path = folder.join(format!("{stem}-{number:05}-of-{shards:05}.gguf"));
                part.write(&path).map(|()| path)
            })
            .collect()
    }
}

fn pad(bytes: &mut Vec<u8>, alignment: u64) {
    let alignment = usize::try_from(alignment).unwrap_or(1).max(1);
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
}

#[cfg(test)]
mod tests;
