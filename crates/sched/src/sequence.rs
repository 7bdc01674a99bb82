//! A request that runs, or is parked.

use std::cmp::Ordering;

use harmonic_types::{FinishReason, RequestId, Tier, Usage};

use crate::ids::{Tick, Token};
use crate::job::Job;
use crate::queue::Waiting;

/// State of one sequence. Its first `computed` tokens are in the KV cache (or in its snapshot,
/// while it is parked).
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) id: RequestId,
    /// Index of its agent.
    pub(crate) agent: usize,
    /// Of its agent.
    pub(crate) tier: Tier,
    /// Prompt and what was generated.
    pub(crate) tokens: Vec<Token>,
    /// Tokens of the prompt.
    pub(crate) prompt: u32,
    /// See [`Job::shared_prefix`].
    pub(crate) shared_prefix: u32,
    max_output: u32,
    /// Tokens in the KV cache, those of the batch under way included.
    pub(crate) computed: u32,
    /// Tokens restored instead of computed.
    pub(crate) cached: u32,
    /// Tokens that it may come to hold.
    pub(crate) reserved: u64,
    /// Admission order.
    pub(crate) order: u64,
    /// When it was offered.
    pub(crate) since: Tick,
    /// Requests that the engine had admitted then.
    pub(crate) after: u64,
}

impl Sequence {
    pub(crate) fn new(waiting: Waiting, tier: Tier, order: u64) -> Self {
        let Waiting { job, since, after } = waiting;
        let Job { id, agent, prompt: tokens, shared_prefix, max_output } = job;
        let prompt = count(&tokens);
        let reserved = u64::from(prompt) + u64::from(max_output);
        let (computed, cached) = (0, 0);
        Self {
            id,
            agent,
            tier,
            tokens,
            prompt,
            shared_prefix,
            max_output,
            computed,
            cached,
            reserved,
            order,
            since,
            after,
        }
    }

    /// Whether its whole prompt is computed.
    pub(crate) fn decodes(&self) -> bool {
        self.computed >= self.prompt
    }

    /// Whether nothing of it is computed or restored yet.
    pub(crate) fn untouched(&self) -> bool {
        self.computed == 0
    }

    /// Tokens that are not in the KV cache yet: the rest of the prompt, or the last sampled one.
    pub(crate) fn pending(&self) -> &[Token] {
        self.tokens.get(self.computed as usize..).unwrap_or_default()
    }

    /// Whether all of it is computed, so that it cannot go on before its next token is sampled.
    pub(crate) fn owes(&self) -> bool {
        self.pending().is_empty()
    }

    /// Tokens that are in the KV cache.
    pub(crate) fn held(&self) -> &[Token] {
        self.tokens.get(..self.computed as usize).unwrap_or_default()
    }

    /// Whether a token is sampled once all that is pending is computed.
    pub(crate) fn generates(&self) -> bool {
        self.max_output > 0
    }

    /// Tokens that it may still generate.
    pub(crate) fn output_left(&self) -> u32 {
        self.max_output.saturating_sub(self.generated())
    }

    pub(crate) fn generated(&self) -> u32 {
        count(&self.tokens).saturating_sub(self.prompt)
    }

    /// Takes a sampled token; says whether the sequence is over.
    pub(crate) fn accept(&mut self, token: Token, stop: bool) -> Option<FinishReason> {
        self.tokens.push(token);
        if stop {
            Some(FinishReason::Stop)
        } else if self.output_left() == 0 {
            Some(FinishReason::Length)
        } else {
            None
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt,
            completion_tokens: self.generated(),
            cached_tokens: self.cached,
        }
    }

    /// Whom a slot is taken back from first: the lowest tier, then the one admitted last.
    pub(crate) fn first_to_yield(&self, other: &Self) -> Ordering {
        self.tier.cmp(&other.tier).then(self.order.cmp(&other.order))
    }
}

/// `tokens.len()`. `offer` has checked that a prompt and its answer fit the agent's context, a
/// `u32`.
pub(crate) fn count(tokens: &[Token]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}
