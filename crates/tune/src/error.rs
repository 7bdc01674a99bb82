//! Reasons why a comparison of settings ends without a result, each with its remedy.

use harmonic_models::ModelError;
use harmonic_planner::PlanError;
use harmonic_profiles::ProfileError;
use harmonic_types::AgentName;

/// A comparison without a result. What was kept before it stays.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// An agent that the stack does not have.
    #[error("there is no agent `{agent}` to measure")]
    UnknownAgent {
        /// What was asked for.
        agent: AgentName,
        /// What there is, comma-separated.
        known: String,
    },
    /// The model's agents have no place in the plan.
    #[error("the plan places no agent on {model}")]
    NotPlaced {
        /// The base model.
        model: String,
    },
    /// The stack does not fit.
    #[error("cannot plan the stack `{stack}` on {machine}")]
    Plan {
        /// The stack's name.
        stack: String,
        /// The machine's name.
        machine: String,
        /// Why not.
        #[source]
        source: PlanError,
    },
    /// A model that the stack does not use.
    #[error("{model} is not among the stack's models")]
    UnknownModel {
        /// Its name.
        model: String,
    },
    /// The weight format in use is none of those that compete.
    #[error("{model} runs as {format}, which is not compared")]
    FormatNotCompared {
        /// The base model.
        model: String,
        /// What it runs as.
        format: String,
        /// What competes, comma-separated.
        compared: String,
    },
    /// No candidate ran.
    #[error("nothing could be measured of {model}")]
    NothingMeasured {
        /// The base model.
        model: String,
        /// Why, of each candidate.
        reasons: String,
    },
    /// The model store refuses.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The result cannot be stored.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The user stopped it.
    #[error("stopped")]
    Stopped,
}

impl TuneError {
    /// The remedy, where the message does not say it already.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownAgent { known, .. } => format!("use one of {known}"),
            Self::NotPlaced { .. } => "`harmonic plan` says why".to_owned(),
            Self::FormatNotCompared { compared, .. } => format!("use one of {compared}"),
            Self::NothingMeasured { reasons, .. } => reasons.clone(),
            Self::Stopped => "nothing is left running; the same command starts again".to_owned(),
            Self::Plan { .. } | Self::UnknownModel { .. } | Self::Model(_) | Self::Profile(_) => {
                return None;
            }
        })
    }
}
