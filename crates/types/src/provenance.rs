//! The source of a figure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The source of a figure. Every figure that supports a decision has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// Measured or read on this machine.
    Measured,
    /// Published in the paper.
    Paper,
    /// Stated by the catalog or the user.
    Declared,
    /// Computed from a formula.
    Estimated,
}

/// Sources of a document's figures by JSON pointer. A pointer applies to everything below it unless
/// a longer one overrides it.
pub type ProvenanceMap = BTreeMap<String, Provenance>;
