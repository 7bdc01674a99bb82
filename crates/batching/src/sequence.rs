//! State of a running or preempted request.

use harmonic_types::{FinishReason, RequestId, Usage};

use crate::ids::{SnapshotId, Token};
use crate::prompt::Prompt;

/// A preempted request with its saved state.
#[derive(Debug)]
pub(crate) struct Preempted {
    pub(crate) sequence: Sequence,
    pub(crate) snapshot: SnapshotId,
}

/// State of one sequence. Its first `computed` tokens are in the KV cache, or in its snapshot while
/// it is preempted.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) id: RequestId,
    /// Prompt and generated tokens.
    pub(crate) tokens: Vec<Token>,
    /// Number of prompt tokens.
    pub(crate) prompt: u32,
    /// See [`Prompt::shared_prefix`].
    pub(crate) shared_prefix: u32,
    max_output: u32,
    /// Number of tokens in the KV cache, including those of the batch under way.
    pub(crate) computed: u32,
    /// Number of tokens restored instead of computed.
    pub(crate) cached: u32,
    /// Whether it has computed nothing: all that it holds is restored.
    pub(crate) is_fresh: bool,
    /// Position at which it stops in the step under way, because others want to copy what it holds
    /// there.
    pub(crate) stop: Option<u32>,
    /// Maximum number of tokens.
    pub(crate) reserved: u64,
    /// Position in the order of starts.
    pub(crate) order: u64,
    /// Reason of completion, once complete.
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
            is_fresh: true,
            stop: None,
            reserved,
            order,
            complete,
        }
    }

    /// Whether the whole prompt is computed.
    pub(crate) fn is_decoding(&self) -> bool {
        self.computed >= self.prompt
    }

    /// Whether no token is computed or restored yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.computed == 0
    }

    /// Tokens not in the KV cache yet: the rest of the prompt, or the last sampled token.
    pub(crate) fn pending(&self) -> &[Token] {
        self.tokens.get(self.computed as usize..).unwrap_or_default()
    }

    /// Whether all tokens are computed, so that the next one must be sampled first.
    pub(crate) fn awaits_sampling(&self) -> bool {
        self.pending().is_empty()
    }

    /// Tokens in the KV cache.
    pub(crate) fn held(&self) -> &[Token] {
        self.tokens.get(..self.computed as usize).unwrap_or_default()
    }

    /// Whether a token is sampled after the pending ones are computed.
    pub(crate) fn generates(&self) -> bool {
        self.max_output > 0
    }

    /// Number of tokens it may still generate.
    pub(crate) fn output_left(&self) -> u32 {
        self.max_output.saturating_sub(self.generated())
    }

    pub(crate) fn generated(&self) -> u32 {
        token_count(&self.tokens).saturating_sub(self.prompt)
    }

    /// Appends a sampled token, which may complete the answer.
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

/// Number of `tokens`. A prompt and its answer fit a context, whose size is a `u32`.
pub(crate) fn token_count(tokens: &[Token]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}
