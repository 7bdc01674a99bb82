//! What the reader of a run must know.
//!
//! Owns: [`Warning`], each with its code, its words and its remedy.
//!
//! Invariants: codes are stable (scripts match on them); a message carries the figures it speaks
//! of, and the level where it belongs to one.
//!
//! Does not do: guess. A warning is raised only from what was measured.

use harmonic_types::Finding;

/// Something about a run that its figures do not show.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Warning {
    /// Requests failed.
    #[error("{parallel}x: {failures} of {} requests failed; the first: {first}", failures + finished)]
    Failures {
        /// The level.
        parallel: u32,
        /// Failed.
        failures: u64,
        /// Ended well.
        finished: u64,
        /// The first error.
        first: String,
        /// What mends that.
        hint: &'static str,
    },
    /// The target stopped answering.
    #[error("the target died at {parallel}x: {first}; higher levels were not measured")]
    TargetDied {
        /// The level.
        parallel: u32,
        /// The first error of the level.
        first: String,
    },
    /// The run was stopped.
    #[error("stopped at {parallel}x; what was measured before is kept")]
    Interrupted {
        /// The level.
        parallel: u32,
    },
    /// A level has no figures.
    #[error(
        "{parallel}x was not steady within {limit_s:.0} s ({streaming} of {parallel} streams had \
         output), so it has no figures"
    )]
    NotSteady {
        /// The level.
        parallel: u32,
        /// Streams that had output.
        streaming: u32,
        /// How long it was given.
        limit_s: f64,
    },
    /// A level has fewer windows than asked for.
    #[error("{parallel}x: time for {trials} of {wanted} windows only")]
    FewWindows {
        /// The level.
        parallel: u32,
        /// Measured.
        trials: u32,
        /// Asked for.
        wanted: u32,
    },
    /// Answers are not of the length asked for.
    #[error(
        "answers have {mean:.1} tokens on average instead of {asked}: the target does not honour \
         `ignore_eos` or the output limit"
    )]
    AnswerLength {
        /// Tokens of an answer, mean.
        mean: f64,
        /// Asked for.
        asked: u32,
    },
    /// Unique prompts were answered from a cache.
    #[error(
        "{cached:.0} of {prompt:.0} prompt tokens came from a prefix cache, more than a system \
         prompt explains: the time to first token is flattered"
    )]
    PrefixCacheHits {
        /// Tokens restored, mean per request.
        cached: f64,
        /// Tokens of the prompt, mean per request.
        prompt: f64,
    },
    /// The server has one slot, or behaves so.
    #[error(
        "the server answers one request after the other: at {parallel}x {at_once:.1} answers are in \
         the making at once, each as fast as at {alone}x, and the first token takes \
         {first_ms:.0} ms instead of {alone_first_ms:.0}"
    )]
    Serialises {
        /// The highest level at which it does.
        parallel: u32,
        /// Answers in the making at once, mean.
        at_once: f64,
        /// Time to first token there, median.
        first_ms: f64,
        /// The lowest level.
        alone: u32,
        /// Time to first token there, median.
        alone_first_ms: f64,
    },
    /// Throughput grew faster than the number of requests.
    #[error(
        "from {from}x to {to}x throughput grew {gain:.2} times, more than the number of requests: \
         {from}x was measured too low"
    )]
    Superlinear {
        /// The lower level.
        from: u32,
        /// The higher.
        to: u32,
        /// Throughput there ÷ throughput at the lower.
        gain: f64,
    },
}

impl Warning {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Failures { .. } => "failures",
            Self::TargetDied { .. } => "target-died",
            Self::Interrupted { .. } => "interrupted",
            Self::NotSteady { .. } => "not-steady",
            Self::FewWindows { .. } => "few-windows",
            Self::AnswerLength { .. } => "answer-length",
            Self::PrefixCacheHits { .. } => "prefix-cache-hits",
            Self::Serialises { .. } => "serialises",
            Self::Superlinear { .. } => "superlinear",
        }
    }

    /// What mends it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Failures { hint, .. } => hint,
            Self::TargetDied { .. } => {
                "look into the server's log for the reason (memory?) and measure up to the level \
                 below"
            }
            Self::Interrupted { .. } => "run it again to the end for the levels that are missing",
            Self::NotSteady { .. } | Self::FewWindows { .. } => {
                "leave out `--quick`, or ask for fewer levels"
            }
            Self::AnswerLength { .. } => {
                "compare this run only with runs of the same lengths, or use a server that knows \
                 `ignore_eos`"
            }
            Self::PrefixCacheHits { .. } => {
                "prompts were asked before with this seed: use another, or turn the cache off"
            }
            Self::Serialises { .. } => {
                "give it slots: Ollama has one unless OLLAMA_NUM_PARALLEL is set, llama-server takes \
                 `-np N`"
            }
            Self::Superlinear { .. } => {
                "the machine was not warm yet, or somebody else used it: measure the lower level \
                 again"
            }
        }
    }

    /// As it goes into the record.
    pub fn finding(&self) -> Finding {
        Finding::new(self.code(), self.to_string(), self.hint())
    }
}
