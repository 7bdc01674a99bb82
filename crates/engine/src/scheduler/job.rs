//! Request in the form that the scheduler accepts.

use harmonic_batching::Token;
use harmonic_types::{RequestClass, RequestId};

/// A request in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Unique id.
    pub id: RequestId,
    /// Index into [`super::SchedulerConfig::agents`].
    pub agent: usize,
    /// Priority class.
    pub class: RequestClass,
    /// Rendered prompt; not empty.
    pub prompt: Vec<Token>,
    /// Number of leading tokens shared by all requests of the agent (its system prompt); 0 without
    /// such a prefix.
    pub shared_prefix: u32,
    /// Limit on generated tokens. 0 only computes the prompt, to warm the prefix cache.
    pub max_output: u32,
}
