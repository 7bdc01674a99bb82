//! A request that runs.

use harmonic_types::{FinishReason, RequestId, Usage};

use crate::ids::{SeqId, Token};
use crate::job::Job;

/// State of one sequence in flight. Its tokens are `prompt ++ generated`; the first `computed` of
/// them are in the KV cache.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub(crate) job: Job,
    pub(crate) seq: SeqId,
    /// Tokens in the KV cache, those of the batch under way included.
    pub(crate) computed: u32,
    /// Tokens restored from a snapshot.
    pub(crate) cached: u32,
    /// The last sampled token, which is not in the KV cache yet.
    pub(crate) last: Option<Token>,
    /// Tokens sampled.
    pub(crate) generated: u32,
    /// KV tokens set aside for it.
    pub(crate) reserved: u64,
    /// Admission order.
    pub(crate) order: u64,
}

impl Sequence {
    pub(crate) fn id(&self) -> RequestId {
        self.job.id
    }

    /// Prompt tokens still to be computed.
    pub(crate) fn prefill_left(&self) -> &[Token] {
        self.job.prompt.get(self.computed as usize..).unwrap_or_default()
    }

    /// Takes a sampled token; says whether the sequence is over.
    pub(crate) fn accept(&mut self, token: Token, stop: bool) -> Option<FinishReason> {
        self.generated += 1;
        self.last = Some(token);
        if stop {
            Some(FinishReason::Stop)
        } else if self.generated >= self.job.max_output {
            Some(FinishReason::Length)
        } else {
            None
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: prompt_tokens(&self.job),
            completion_tokens: self.generated,
            cached_tokens: self.cached,
        }
    }
}

/// Tokens of a job's prompt. `offer` has checked that they fit the agent's context, a `u32`.
pub(crate) fn prompt_tokens(job: &Job) -> u32 {
    u32::try_from(job.prompt.len()).unwrap_or(u32::MAX)
}
