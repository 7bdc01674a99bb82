//! Planning errors.

use harmonic_types::{AgentName, Bytes, EngineKind};

/// Reason why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A stack without agents.
    #[error("the stack `{stack}` has no agents: add at least one")]
    NoAgents {
        /// Its name.
        stack: String,
    },
    /// An agent's model is unknown.
    #[error("agent `{agent}` uses the unknown model `{model}`: use one of {known}")]
    UnknownModel {
        /// The agent.
        agent: AgentName,
        /// Its model.
        model: String,
        /// Known models, comma-separated.
        known: String,
    },
    /// The paper's budget rule was selected, and the paper does not cover a model.
    #[error(
        "the paper declares no memory figures for the model `{model}` of agent `{agent}`: plan \
         with the exact budget, which computes them from the model's shape"
    )]
    NoPaperFigures {
        /// The agent that uses it.
        agent: AgentName,
        /// The model.
        model: String,
    },
    /// An agent that computes embeddings on an engine that only generates text.
    #[error(
        "agent `{agent}` computes embeddings, and engines of the kind {kind} only generate text \
         here: give it `engine = \"llama\"` in the stack file"
    )]
    NoEmbeddings {
        /// The agent.
        agent: AgentName,
        /// Kind of the engine that the stack states for it.
        kind: EngineKind,
    },
    /// Hardware without a device to run on.
    #[error(
        "the hardware `{profile}` lists no device to run an engine on: give it at least one in \
         `devices`"
    )]
    NoDevice {
        /// Its profile.
        profile: String,
    },
    /// Not even the first agent can be placed.
    #[error(
        "the stack does not fit the budget of {budget}: its first agent, `{agent}`, needs {needed} \
         for one slot of its smallest context: use a stack with a smaller model, such as starter, \
         or free memory"
    )]
    NothingFits {
        /// The agent that is placed first.
        agent: AgentName,
        /// Bytes required by it.
        needed: Bytes,
        /// Memory budget.
        budget: Bytes,
    },
}
