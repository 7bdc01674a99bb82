//! Tokens and size of a request.

use crate::ids::Token;
use crate::sequence::token_count;

/// A request in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Rendered prompt; not empty.
    pub tokens: Vec<Token>,
    /// Number of leading tokens shared with other requests (a system prompt) and worth a snapshot;
    /// 0 without such a prefix.
    pub shared_prefix: u32,
    /// Limit on generated tokens. 0 only computes the prompt, to warm the prefix cache.
    pub max_output: u32,
}

impl Prompt {
    /// Maximum KV tokens of the request.
    pub fn reservation(&self) -> u64 {
        u64::from(token_count(&self.tokens)) + u64::from(self.max_output)
    }
}
