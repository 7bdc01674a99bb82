//! A request that runs, or is preempted.

use harmonic_types::{FinishReason, RequestId, Usage};

use crate::ids::{SnapshotId, Token};
use crate::prompt::Prompt;

/// A request whose state is saved until it goes on.
#[derive(Debug)]
pub(crate) struct Preempted {
    pub(crate) sequence: Sequence,
    pub(crate) snapshot: SnapshotId,
}

/// State of one sequence. Its first `computed` tokens are in the KV cache (or in its snapshot,
/// while it is preempted).
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) id: RequestId,
    /// Prompt and what was generated.
    pub(crate) tokens: Vec<Token>,
    /// Tokens of the prompt.
    pub(crate) prompt: u32,
    /// See [`Prompt::shared_prefix`].
    pub(crate) shared_prefix: u32,
    max_output: u32,
    /// Tokens in the KV cache, those of the batch under way included.
    pub(crate) computed: u32,
    /// Tokens restored instead of computed.
    pub(crate) cached: u32,
    /// Tokens that it may come to hold.
    pub(crate) reserved: u64,
    /// Position in the order of start_count.
    pub(crate) order: u64,
    /// Why its answer is complete, once it is.
    pub(crate) complete: Option<FinishReason>,
}

impl Sequence {
    pub(crate) fn new(id: RequestId, prompt: Prompt, order: u64) -> Self {
        let reserved = prompt.reservation();
        let Prompt { tokens, shared_prefix, max_output } = prompt;
        let prompt = token_count(&tokens);
        let (computed, cached, complete) = (0, 0, None);
        Self {
            id,
            tokens,
            prompt,
            shared_prefix,
            max_output,
            computed,
            cached,
            reserved,
            order,
            complete,
        }
    }

    /// Whether its whole prompt is computed.
    pub(crate) fn is_decoding(&self) -> bool {
        self.computed >= self.prompt
    }

    /// Whether nothing of it is computed or restored yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.computed == 0
    }

    /// Tokens that are not in the KV cache yet: the rest of the prompt, or the last sampled one.
    pub(crate) fn pending(&self) -> &[Token] {
        self.tokens.get(self.computed as usize..).unwrap_or_default()
    }

    /// Whether all of it is computed, so that it cannot go on before its next token is sampled.
    pub(crate) fn awaits_sampling(&self) -> bool {
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
        token_count(&self.tokens).saturating_sub(self.prompt)
    }

    /// Takes a sampled token, with which the answer may be complete.
    pub(crate) fn accept(&mut self, token: Token, stop: bool) {
        self.tokens.push(token);
        if stop {
            self.complete = Some(FinishReason::Stop);
        } else if self.output_left() == 0 {
            self.complete = Some(FinishReason::Length);
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt,
            completion_tokens: self.generated(),
            cached_tokens: self.cached,
        }
    }
}

/// `tokens.len()`. A prompt and its answer fit a context, which is a `u32`.
pub(crate) fn token_count(tokens: &[Token]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}
