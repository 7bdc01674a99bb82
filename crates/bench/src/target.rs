//! What a load is sent to: a server that answers a prompt with a stream.
//!
//! Owns: the [`Target`] seam and the errors that cross it. [`http`] is the one for real servers;
//! tests bring one in memory.
//!
//! Invariants: a dropped answer cancels the request at the target.
//!
//! Does not do: time anything. Arrivals are stamped by the load, when it receives them.

pub mod http;

use std::future::Future;

use futures::stream::BoxStream;
use harmonic_types::AgentName;

/// One request of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The agent, sent as the model name.
    pub agent: AgentName,
    /// The user message.
    pub prompt: String,
    /// Tokens to generate at most.
    pub output_tokens: u32,
    /// Whether to generate all of them, where the target honours that.
    pub ignore_eos: bool,
    /// Sampling temperature.
    pub temperature: f32,
}

/// What a target's usage reports for one request, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Tokens of the whole prompt, system prompt and template included.
    pub prompt: u32,
    /// Tokens generated.
    pub completion: u32,
    /// Prompt tokens that a prefix cache answered; `None` where the target does not say.
    pub cached: Option<u32>,
}

/// What an answer yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Some output, of one or of several tokens.
    Output,
    /// The end, with the target's count. Nothing follows.
    Finished(Counted),
}

/// A stream of output that ends with [`Arrival::Finished`] or an error.
pub type Answer = BoxStream<'static, Result<Arrival, TargetError>>;

/// A server under load.
pub trait Target: Send + Sync {
    /// The base URL, or whatever names it to a person.
    fn name(&self) -> String;

    /// Sends a request; resolves when the target accepts it. Dropping the future or the answer
    /// cancels it.
    fn ask(&self, ask: Ask) -> impl Future<Output = Result<Answer, TargetError>> + Send;
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Nobody answers at its address.
    #[error("{target} cannot be reached: {message}")]
    Unreachable {
        /// Its name.
        target: String,
        /// What the connection said.
        message: String,
    },
    /// It answered that it will not.
    #[error("{target} refused the request: {message}")]
    Refused {
        /// Its name.
        target: String,
        /// Status and reason.
        message: String,
    },
    /// The answer broke off.
    #[error("the answer of {target} broke off: {message}")]
    Broken {
        /// Its name.
        target: String,
        /// How.
        message: String,
    },
    /// The answer ended without a token count, so nothing can be measured.
    #[error("{target} ended an answer without its usage")]
    NoUsage {
        /// Its name.
        target: String,
    },
    /// Nothing arrived for too long.
    #[error("{target} sent nothing for {} s", seconds)]
    Stalled {
        /// Its name.
        target: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl TargetError {
    /// Whether the target itself seems to be gone, and not only this request.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// What mends it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "check that the server runs: `harmonic ps`",
            Self::Refused { .. } => {
                "check that the agents exist (`GET /v1/models`) and that the server's queue holds \
                 this many requests"
            }
            Self::Broken { .. } => "look into the server's log for the time of the run",
            Self::NoUsage { .. } => {
                "use a server that honours `stream_options.include_usage`: chunks are not tokens"
            }
            Self::Stalled { .. } => "ask for fewer streams or a longer stall limit",
        }
    }
}
