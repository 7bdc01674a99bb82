//! The runs that a run was started from.

use harmonic_types::{RunBudget, RunId};
use serde::{Deserialize, Serialize};

use crate::graph::normalised;
use crate::limits::RunLimits;
use crate::prompt::digest;
use crate::spec::SpecError;

/// Energy of a bound, at least: what the accounts resolve.
pub(crate) const LEAST_JOULES: f64 = 0.001;

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
    /// The run from inside of which it was started; `None` for the first of a tree.
    pub fn parent(&self) -> Option<&Ancestor> {
        self.ancestors.last()
    }

    /// Whether a run `id` for `goal` may be started with this descent.
    ///
    /// # Errors
    /// [`SpecError::Loop`], [`SpecError::TooDeep`], [`SpecError::NothingLeft`].
    pub fn admits(&self, id: &RunId, goal: &str) -> Result<(), SpecError> {
        let Some(parent) = self.parent() else { return Ok(()) };
        let goal = Ancestor::digest(goal);
        let same = |ancestor: &&Ancestor| ancestor.id == *id || ancestor.goal_digest == goal;
        if let Some(ancestor) = self.ancestors.iter().find(same) {
            return Err(SpecError::Loop { ancestor: ancestor.id.clone() });
        }
        let (depth, most) = (self.depth(), RunLimits::DEPTH);
        if depth > most {
            return Err(SpecError::TooDeep { depth, most });
        }
        let RunBudget { tokens, time_ms, joules } = self.budget_left;
        let spent = [
            ("tokens", tokens == Some(0)),
            ("milliseconds", time_ms == Some(0)),
            ("joules", joules.is_some_and(|joules| joules.0 < LEAST_JOULES)),
        ];
        match spent.into_iter().find(|(_, is_spent)| *is_spent) {
            Some((bound, _)) => Err(SpecError::NothingLeft { parent: parent.id.clone(), bound }),
            None => Ok(()),
        }
    }

    /// Depth of the run, the first of a tree being 0.
    pub fn depth(&self) -> u32 {
        u32::try_from(self.ancestors.len()).unwrap_or(u32::MAX)
    }
}
