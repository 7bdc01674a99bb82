//! Body of `POST /runs/{id}/approvals/{n}`.

use harmonic_orchestrator::Decision;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `POST /runs/{id}/approvals/{n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideApproval {
    /// The answer.
    pub decision: Verdict,
}

/// Answer of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approved,
            Verdict::Deny => Self::Denied,
        }
    }
}
