//! Planning errors.

use harmonic_types::{AgentName, Bytes, EngineKind, StackSpec, Tokens};

/// Reason why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A stack without agents.
    #[error("the stack `{stack}` has no agents: add at least one")]
    NoAgents {
        /// Its name.
        stack: String,
    },
    /// A stack with more agents than can be planned in a moment.
    #[error("the stack `{stack}` has {agents} agents: expected at most {}", StackSpec::MAX_AGENTS)]
    TooManyAgents {
        /// Its name.
        stack: String,
        /// Their number.
        agents: usize,
    },
    /// An agent demands more context than its model was trained for.
    #[error(
        "agent `{agent}` requires a context of at least {least} tokens, and its model `{model}` \
         was trained for {trained}: use {trained} or less, or a model with a longer context"
    )]
    ContextTooLong {
        /// The agent.
        agent: AgentName,
        /// Its smallest context.
        least: Tokens,
        /// Its model.
        model: String,
        /// Trained context of the model.
        trained: Tokens,
    },
    /// A system prompt that leaves no room in its context.
    #[error(
        "the system prompt of agent `{agent}` has {bytes} bytes, at least {tokens} tokens, which \
         its context of {context} tokens does not hold: shorten the prompt, or raise `context`, up \
         to what the model was trained for"
    )]
    PromptTooLong {
        /// The agent.
        agent: AgentName,
        /// Length of the prompt.
        bytes: usize,
        /// Its tokens, by any tokenizer.
        tokens: Tokens,
        /// Context of the agent.
        context: Tokens,
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
