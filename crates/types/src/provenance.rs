//! Where a figure comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The source of a figure. Every figure that a person may act upon has one.
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

/// JSON pointer into the document that carries the map → source of the figure there. A pointer
/// speaks for all that is below it unless a longer one says otherwise.
pub type ProvenanceMap = BTreeMap<String, Provenance>;
