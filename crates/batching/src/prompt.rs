//! A request in tokens.

use crate::ids::Token;
use crate::sequence::token_count;

/// What a request computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The rendered prompt; not empty.
    pub tokens: Vec<Token>,
    /// How many of the prompt's first tokens are those of other requests as well (a system prompt)
    /// and worth a snapshot of their own; 0 where there is no such prefix.
    pub shared_prefix: u32,
    /// Most tokens to generate. 0 computes the prompt and generates nothing: it warms the prefix
    /// cache.
    pub max_output: u32,
}

impl Prompt {
    /// KV tokens that the request may come to hold.
    pub fn reservation(&self) -> u64 {
        u64::from(token_count(&self.tokens)) + u64::from(self.max_output)
    }
}
