//! Why there is no plan.

use harmonic_types::{AgentName, Bytes};

/// No plan can be made from this input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A stack without agents.
    #[error("the stack `{stack}` has no agents: add at least one")]
    NoAgents {
        /// Its name.
        stack: String,
    },
    /// An agent asks for a model that is not known here.
    #[error("agent `{agent}` asks for the model `{model}`, which is not known: use one of {known}")]
    UnknownModel {
        /// Who asks.
        agent: AgentName,
        /// For what.
        model: String,
        /// What there is, comma-separated.
        known: String,
    },
    /// The paper's rule was asked for, and the paper does not cover a model.
    #[error(
        "the paper declares no memory figures for the model `{model}` of agent `{agent}`: plan \
         with the exact budget, which computes them from the model's shape"
    )]
    NoPaperFigures {
        /// Who uses it.
        agent: AgentName,
        /// The model.
        model: String,
    },
    /// Hardware without a device to run on.
    #[error("the hardware `{profile}` lists no device that an engine could run on")]
    NoDevice {
        /// Its profile.
        profile: String,
    },
    /// Not even the agent that needs least can be placed.
    #[error(
        "no agent of the stack fits: `{agent}` needs least, {needed} for one engine with the \
         fewest slots and the smallest context, and the budget is {budget}: use a smaller model or \
         a stack with one, or free memory"
    )]
    NothingFits {
        /// The agent that needs least.
        agent: AgentName,
        /// What it needs.
        needed: Bytes,
        /// What there is.
        budget: Bytes,
    },
}
