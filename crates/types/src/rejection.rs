//! Rejections of requests by an engine or its admission, with the wording that clients read.
//!
//! Does not do: statuses, codes and headers; the gateway has the one table (`api_error.rs`).

use std::fmt;
use std::time::Duration;

use crate::stack::AgentName;
use crate::units::Tokens;

/// Way to a context that holds a prompt, displayed as a command for the server's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargerContext {
    /// The agent's own model was trained for it.
    SameModel(Tokens),
    /// The models of the stack `standard` were.
    Standard(Tokens),
    /// A model is needed that was trained for as many tokens.
    OtherModel(Tokens),
}

impl LargerContext {
    /// Of a larger context, one part in this many is left for the answer, if possible.
    const ANSWER_PART: u64 = 4;
    /// Context that all models of the stack `standard` were trained for.
    pub const STANDARD: u32 = 40_960;

    /// Way to a context beyond `context` that holds a prompt of `prompt` tokens and an answer.
    /// `trained` is what the agent's model was trained for, if known.
    pub fn of(prompt: Tokens, context: Tokens, trained: Option<Tokens>) -> Self {
        let prompt = u64::from(prompt.0);
        let answer = prompt / (Self::ANSWER_PART - 1) + 1;
        let wanted = u32::try_from((prompt + answer).next_power_of_two()).unwrap_or(u32::MAX);
        match trained {
            Some(trained) if wanted <= trained.0 => Self::SameModel(Tokens(wanted)),
            Some(trained) if trained > context && prompt < trained.0.into() => {
                Self::SameModel(trained)
            }
            _ if wanted <= Self::STANDARD => Self::Standard(Tokens(wanted)),
            _ => Self::OtherModel(Tokens(wanted)),
        }
    }
}

impl fmt::Display for LargerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameModel(tokens) => {
                // Only the server's user knows the other options that it was started with.
                write!(
                    f,
                    "restart the server by the same `harmonic up` command, with `--context {tokens}`"
                )
            }
            Self::Standard(tokens) => write!(
                f,
                "restart the server with a model that holds it: `harmonic up --stack standard \
                 --context {tokens}`"
            ),
            Self::OtherModel(tokens) => write!(
                f,
                "restart the server with a stack whose model was trained for {tokens} tokens: \
                 `harmonic up --stack FILE --context {tokens}`"
            ),
        }
    }
}

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
         them for the answer: shorten the prompt, or {larger}"
    )]
    PromptTooLong {
        /// The agent.
        agent: AgentName,
        /// Tokens of the rendered prompt.
        prompt: Tokens,
        /// The agent's context.
        context: Tokens,
        /// Way to a context that holds the prompt.
        larger: LargerContext,
    },
    /// A prompt that certainly leaves no room for an answer, found before its tokens were counted
    /// (400).
    #[error(
        "the prompt has at least {least} tokens, but the context of {agent} has {context}: shorten \
         the prompt, or {larger}"
    )]
    PromptBeyond {
        /// The agent.
        agent: AgentName,
        /// Lower bound of the tokens of the rendered prompt.
        least: Tokens,
        /// The agent's context.
        context: Tokens,
        /// Way to a context that holds the prompt.
        larger: LargerContext,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_larger_context_is_one_that_leads_there() {
        use LargerContext::{OtherModel, SameModel, Standard};
        let way = |prompt, context, trained: Option<u32>| {
            LargerContext::of(Tokens(prompt), Tokens(context), trained.map(Tokens))
        };
        assert_eq!(way(3000, 2048, Some(8192)), SameModel(Tokens(4096)));
        assert_eq!(way(7000, 4096, Some(8192)), SameModel(Tokens(8192)), "with a shorter answer");
        assert_eq!(way(9000, 8192, Some(8192)), Standard(Tokens(16_384)));
        assert_eq!(way(7000, 4096, None), Standard(Tokens(16_384)));
        assert_eq!(way(40_000, 8192, Some(8192)), OtherModel(Tokens(65_536)));
        assert_eq!(way(u32::MAX, 8192, Some(8192)), OtherModel(Tokens(u32::MAX)));
    }
}
