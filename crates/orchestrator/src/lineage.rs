//! The runs that a run was started from.

use harmonic_types::{RunBudget, RunId};
use serde::{Deserialize, Serialize};

use crate::graph::normalised;
use crate::prompt::digest;

/// A run from inside of which another was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    /// Its id.
    pub id: RunId,
    /// Digest of its goal ([`Ancestor::digest`]).
    pub goal_digest: u64,
}

impl Ancestor {
    /// Digest of a goal, the same for goals that [`normalised`] makes equal.
    pub fn digest(goal: &str) -> u64 {
        digest([normalised(goal).as_bytes()])
    }
}

/// Descent of a run. The first run of a tree has no ancestors and no inherited bounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The runs above, the first of the tree first.
    #[serde(default)]
    pub ancestors: Vec<Ancestor>,
    /// What the run above has left, which bounds this one's budget.
    #[serde(default)]
    pub budget_left: RunBudget,
}

impl Lineage {
    /// Depth of the run, the first of a tree being 0.
    pub fn depth(&self) -> u32 {
        u32::try_from(self.ancestors.len()).unwrap_or(u32::MAX)
    }
}
