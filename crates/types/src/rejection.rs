//! Rejections of requests by an engine or its admission, with the wording that clients read.
//!
//! Does not do: statuses, codes and headers; the gateway has the one table (`api_error.rs`).

use std::time::Duration;

use crate::larger_context::LargerContext;
use crate::stack::AgentName;
use crate::units::Tokens;

/// Reason for not starting a request. Each maps to one HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Unknown agent (404).
    #[error("unknown agent `{agent}`: expected one of {known}")]
    UnknownAgent {
        /// The requested name.
        agent: AgentName,
        /// The agents of the stack, comma-separated.
        known: String,
    },
    /// A prompt that leaves no room for an answer (400).
    #[error(
        "the prompt has {prompt} tokens, but the context of {agent} has {context}, at least one of \
         them for the answer: shorten the prompt{larger}"
    )]
    PromptTooLong {
        /// The agent.
        agent: AgentName,
        /// Tokens of the rendered prompt.
        prompt: Tokens,
        /// The agent's context.
        context: Tokens,
        /// Way to a context that holds the prompt.
        larger: Box<LargerContext>,
    },
    /// A prompt that certainly leaves no room for an answer, found before its tokens were counted
    /// (400).
    #[error(
        "the prompt has at least {least} tokens, but the context of {agent} has {context}: shorten \
         the prompt{larger}"
    )]
    PromptBeyond {
        /// The agent.
        agent: AgentName,
        /// Lower bound of the tokens of the rendered prompt.
        least: Tokens,
        /// The agent's context.
        context: Tokens,
        /// Way to a context that holds the prompt.
        larger: Box<LargerContext>,
    },
    /// An input for an embedding that does not fit the context (400).
    #[error(
        "input {index} has {tokens} tokens, but the context of {agent} has {context}: split the \
         input, or use an agent with a larger context"
    )]
    InputTooLong {
        /// The agent.
        agent: AgentName,
        /// Position of the input in the request, from 0.
        index: usize,
        /// Tokens of the input, start and end tokens included.
        tokens: Tokens,
        /// The agent's context.
        context: Tokens,
    },
    /// Invalid request (400).
    #[error("{message}")]
    Invalid {
        /// The error and its remedy.
        message: String,
    },
    /// Full queue of the agent (429).
    #[error("the queue of {agent} is full ({queued} waiting): retry in {} s", retry_after.as_secs_f64().ceil())]
    QueueFull {
        /// The agent.
        agent: AgentName,
        /// Waiting requests.
        queued: u32,
        /// Time until a retry.
        retry_after: Duration,
    },
    /// Full queue of constraints to compile (429).
    #[error(
        "{waiting} response formats {} are waiting to be compiled, which is the limit: retry in {} s",
        if *own { "of this client" } else { "of all clients" },
        retry_after.as_secs_f64().ceil()
    )]
    FormsFull {
        /// Waiting constraints.
        waiting: u32,
        /// Whether the limit is that of this client; otherwise it is that of all clients.
        own: bool,
        /// Time until a retry.
        retry_after: Duration,
    },
    /// Failed compilation of a constraint that is not at fault itself (503).
    #[error("the response format could not be compiled: {message}")]
    FormsFailed {
        /// Cause.
        message: String,
        /// Time until a retry.
        retry_after: Duration,
    },
    /// Draining deployment (503).
    #[error("the deployment is draining and accepts no new requests")]
    Draining,
    /// Engine that died and is being restarted (503).
    #[error(
        "the engine of {agent} is restarting: retry in {} s",
        retry_after.as_secs_f64().ceil().max(1.0)
    )]
    Restarting {
        /// The agent.
        agent: AgentName,
        /// Time until a retry.
        retry_after: Duration,
    },
    /// Engine that died for good (503).
    #[error("the engine of {agent} has died: {message}")]
    EngineDied {
        /// The agent.
        agent: AgentName,
        /// Cause.
        message: String,
    },
}
