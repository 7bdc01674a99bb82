//! Reasons why a comparison of settings ends without a result, each with its remedy.

use harmonic_models::ModelError;
use harmonic_planner::PlanError;
use harmonic_profiles::ProfileError;
use harmonic_types::AgentName;

/// Failure of a comparison. Results kept before remain.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// The stack has no such agent.
    #[error("there is no agent `{agent}` to measure")]
    UnknownAgent {
        /// The requested agent.
        agent: AgentName,
        /// The stack's agents, comma-separated.
        known: String,
    },
    /// The plan skips all of the model's agents.
    #[error("the plan places no agent on {model}")]
    NotPlaced {
        /// The base model.
        model: String,
    },
    /// The stack does not fit.
    #[error("cannot plan the stack `{stack}` on {machine}")]
    Plan {
        /// Name of the stack.
        stack: String,
        /// Name of the machine.
        machine: String,
        /// Error of the planner.
        #[source]
        source: PlanError,
    },
    /// The stack does not use the model.
    #[error("the stack does not use the model {model}")]
    UnknownModel {
        /// Name of the model.
        model: String,
    },
    /// The weight format in use is not among the candidates.
    #[error("{model} runs as {format}, which is not among the formats compared")]
    FormatNotCompared {
        /// The base model.
        model: String,
        /// Its weight format.
        format: String,
        /// The formats compared, comma-separated.
        compared: String,
    },
    /// The divergence of a quantised KV cache could not be measured.
    #[error("cannot compare the KV caches of {model}: {reason}")]
    KvDivergence {
        /// The base model.
        model: String,
        /// Cause.
        reason: String,
    },
    /// No candidate ran.
    #[error("no setting of {model} could be measured")]
    NothingMeasured {
        /// The base model.
        model: String,
        /// The reason of each candidate, separated by semicolons.
        reasons: String,
    },
    /// Error of the model store.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The result cannot be stored.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The user stopped the comparison.
    #[error("stopped")]
    Stopped,
}

impl TuneError {
    /// Remedy; `None` where the message contains it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownAgent { known, .. } => format!("use one of {known}"),
            Self::NotPlaced { .. } => "`harmonic plan` shows the reason".to_owned(),
            Self::FormatNotCompared { compared, .. } => format!("use one of {compared}"),
            Self::NothingMeasured { reasons, .. } => reasons.clone(),
            Self::Stopped => "nothing is left running; the same command starts again".to_owned(),
            Self::Plan { .. }
            | Self::UnknownModel { .. }
            | Self::KvDivergence { .. }
            | Self::Model(_)
            | Self::Profile(_) => return None,
        })
    }
}
