//! Target of a load: a server that responds to a prompt with a stream.
//!
//! Owns: the [`Target`] trait and its errors. [`http`] implements it for real servers, [`runs`] for
//! runs of a team, each of which is a request; tests have in-memory implementations.
//!
//! Invariants: dropping a response stream cancels the request at the target.
//!
//! Does not do: timing. Events are timestamped by the load when received.

pub mod http;
pub mod runs;

use std::future::Future;

use futures::stream::BoxStream;
use harmonic_types::AgentName;

/// One request of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestSpec {
    /// The agent, sent as the model name.
    pub agent: AgentName,
    /// The user message.
    pub prompt: String,
    /// Maximum tokens to generate.
    pub output_tokens: u32,
    /// Whether to generate all of them, where the target supports that.
    pub ignore_eos: bool,
    /// Sampling temperature.
    pub temperature: f32,
}

/// Usage of one request as reported by the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedUsage {
    /// Tokens of the whole prompt, including system prompt and template.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
    /// Prompt tokens restored from a prefix cache; `None` where the target does not report them.
    pub cached_tokens: Option<u32>,
}

/// Event of a response stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// Output of one or more tokens.
    Output,
    /// End of the response, with its usage; the last event.
    Finished(ReportedUsage),
}

/// Response as a stream that ends with [`StreamEvent::Finished`] or an error.
pub type ResponseStream = BoxStream<'static, Result<StreamEvent, TargetError>>;

/// Pieces of output beyond the tokens that were asked for.
const OUTPUT_MARGIN: u64 = 4096;

/// A server under load.
pub trait Target: Send + Sync {
    /// Base URL, or another name for display.
    fn name(&self) -> String;

    /// Pieces of output that a response to `request` can have at most: a piece is a token or more,
    /// and some servers are a little longer than they were asked to be.
    fn most_outputs(&self, request: &RequestSpec) -> u64 {
        OUTPUT_MARGIN.saturating_add(request.output_tokens.into())
    }

    /// Sends a request; resolves when the target accepts it. Dropping the future or the response
    /// stream cancels the request.
    fn send(
        &self,
        request: RequestSpec,
    ) -> impl Future<Output = Result<ResponseStream, TargetError>> + Send;
}

/// Failure of a request.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The target cannot be reached.
    #[error("{message}")]
    Unreachable {
        /// Name of the target.
        target: String,
        /// Error of the connection, with the address.
        message: String,
    },
    /// The target refused the request.
    #[error("{target} refused the request: {message}")]
    Refused {
        /// Name of the target.
        target: String,
        /// Status and reason.
        message: String,
    },
    /// The response ended prematurely.
    #[error("the response of {target} ended prematurely: {message}")]
    Broken {
        /// Name of the target.
        target: String,
        /// Error of the stream.
        message: String,
    },
    /// The response ended without a token count, so nothing can be measured.
    #[error("{target} ended a response without its usage")]
    NoUsage {
        /// Name of the target.
        target: String,
    },
    /// A response that went on after all that could be of the tokens that were asked for.
    #[error(
        "{target} sent {outputs} pieces of an answer of at most {tokens} tokens, and did not end it"
    )]
    Endless {
        /// Name of the target.
        target: String,
        /// Pieces that were received.
        outputs: u64,
        /// Tokens that were asked for.
        tokens: u32,
    },
    /// No event within the stall limit.
    #[error("{target} sent nothing for {seconds} s")]
    Stalled {
        /// Name of the target.
        target: String,
        /// Stall limit.
        seconds: u64,
    },
}

impl TargetError {
    /// Whether the target itself is unavailable, not only this request.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Remedy.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "check that the server runs: `harmonic ps`",
            Self::Refused { .. } => {
                "check that the agents exist (`GET /v1/models`) and that the server's queue holds \
                 this many requests"
            }
            Self::Broken { .. } => "check the server's log for the time of the run",
            Self::NoUsage { .. } => {
                "use a server that supports `stream_options.include_usage`: chunks are not tokens"
            }
            Self::Endless { .. } => {
                "use a server that obeys `max_tokens`, or `num_predict` of Ollama"
            }
            Self::Stalled { .. } => {
                "use fewer streams, or check the server's log for the time of the run"
            }
        }
    }
}
