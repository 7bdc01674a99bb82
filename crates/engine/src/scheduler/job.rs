//! A request as the scheduler takes it.

use harmonic_batching::Token;
use harmonic_types::RequestId;

/// A request in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Unique; the scheduler refers to the request by it.
    pub id: RequestId,
    /// Index into [`super::SchedulerConfig::agents`].
    pub agent: usize,
    /// The rendered prompt; not empty.
    pub prompt: Vec<Token>,
    /// How many of the prompt's first tokens are the same in every request of this agent (its
    /// system prompt); 0 where there is no such prefix.
    pub shared_prefix: u32,
    /// Most tokens to generate. 0 computes the prompt and generates nothing: it warms the prefix
    /// cache.
    pub max_output: u32,
}
