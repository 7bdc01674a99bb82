//! Warnings about a whole run.
//!
//! Owns: [`Warning`], each with its code, message and remedy.
//!
//! Invariants: codes are stable (scripts match on them); a message contains its figures; warnings are
//! raised only from measurements.
//!
//! Does not do: warn of single levels (`level_warning`).

use crate::levels::LoadPoint;

/// Finding about a run that its figures do not show.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Warning {
    /// The target stopped responding.
    #[error("the target died at {point}: {first}; {}", unmeasured(missing, missing_loads))]
    TargetDied {
        /// The level.
        point: LoadPoint,
        /// First error of the level.
        first: String,
        /// Unmeasured levels of the same load.
        missing: Vec<LoadPoint>,
        /// Unmeasured loads, by their models.
        missing_loads: Vec<String>,
    },
    /// The run was stopped.
    #[error("stopped at {point}; earlier measurements are kept")]
    Interrupted {
        /// The level.
        point: LoadPoint,
    },
    /// No energy was measured.
    #[error("no power was measured: {reason}")]
    NoPower {
        /// Cause.
        reason: String,
        /// Remedy for that cause.
        hint: &'static str,
    },
    /// The prompts may differ from the requested length.
    #[error(
        "prompts have {words} words instead of {requested} tokens: the target's count of prompt tokens \
         does not grow with the prompt"
    )]
    NotCalibrated {
        /// Words used instead.
        words: u32,
        /// Tokens requested.
        requested: u32,
    },
    /// Responses differ from the requested length.
    #[error(
        "responses have {mean:.1} tokens on average instead of {requested}: the target does not support \
         `ignore_eos` or the output limit"
    )]
    AnswerLength {
        /// Mean tokens per response.
        mean: f64,
        /// Tokens requested.
        requested: u32,
    },
    /// Unique prompts hit a prefix cache.
    #[error(
        "{cached:.0} of {prompt:.0} prompt tokens came from a prefix cache, more than a system \
         prompt explains: the time to first token is too low"
    )]
    PrefixCacheHits {
        /// Tokens restored, mean per request.
        cached: f64,
        /// Tokens of the prompt, mean per request.
        prompt: f64,
    },
    /// The server computed before the run.
    #[error("before the run the server used {used:.2} of {cpus} CPUs: other clients use it, too")]
    ServerInUse {
        /// CPUs used.
        used: f64,
        /// CPUs of the machine.
        cpus: u32,
    },
    /// The server processes one request at a time.
    #[error(
        "the server processes one request at a time: at {parallel}x {at_once:.1} requests decode at \
         once, each as fast as at {alone}x, and the first token takes {first_ms:.0} ms instead of \
         {alone_first_ms:.0}"
    )]
    Serialises {
        /// Highest level with this behaviour.
        parallel: u32,
        /// Mean number of requests decoding at once.
        at_once: f64,
        /// Median time to first token at that level.
        first_ms: f64,
        /// The lowest level.
        alone: u32,
        /// Median time to first token at the lowest level.
        alone_first_ms: f64,
    },
    /// The server does not stream.
    #[error(
        "the server does not stream: at {parallel}x the first output arrives after {first_ms:.0} of \
         {whole_ms:.0} ms, so the time to first token and the gaps between tokens are those of \
         whole responses"
    )]
    Unstreamed {
        /// Lowest level with this behaviour.
        parallel: u32,
        /// Median time to first output.
        first_ms: f64,
        /// Median time of a request.
        whole_ms: f64,
    },
    /// Throughput grew faster than the number of requests.
    #[error(
        "from {from}x to {to}x throughput grew {gain:.2} times, more than the number of requests: \
         {from}x was measured too low"
    )]
    Superlinear {
        /// The lower level.
        from: u32,
        /// The higher level.
        to: u32,
        /// Throughput at the higher level ÷ throughput at the lower.
        gain: f64,
    },
}

impl Warning {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TargetDied { .. } => "target-died",
            Self::Interrupted { .. } => "interrupted",
            Self::NoPower { .. } => "no-power",
            Self::NotCalibrated { .. } => "not-calibrated",
            Self::AnswerLength { .. } => "answer-length",
            Self::PrefixCacheHits { .. } => "prefix-cache-hits",
            Self::ServerInUse { .. } => "server-in-use",
            Self::Serialises { .. } => "serialises",
            Self::Unstreamed { .. } => "unstreamed",
            Self::Superlinear { .. } => "superlinear",
        }
    }

    /// Remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoPower { hint, .. } => hint,
            Self::TargetDied { .. } => {
                "check the server's log for the reason (out of memory?) and measure lower levels"
            }
            Self::Interrupted { .. } => "run again to measure the missing levels",
            Self::NotCalibrated { .. } => "compare latencies only with runs of the same prompts",
            Self::AnswerLength { .. } => {
                "compare this run only with runs of the same lengths, or use a server that supports \
                 `ignore_eos`"
            }
            Self::PrefixCacheHits { .. } => {
                "this seed was used before: use another, or turn the cache off"
            }
            Self::ServerInUse { .. } => "wait until the other clients are done, then measure again",
            Self::Serialises { .. } => {
                "configure more slots: Ollama has one unless OLLAMA_NUM_PARALLEL is set, llama-server \
                 takes `-np N`"
            }
            Self::Unstreamed { .. } => {
                "check for a buffering proxy (nginx: `proxy_buffering off`), or use a server that \
                 supports `stream`"
            }
            Self::Superlinear { .. } => {
                "the machine was not warm, or had other load: measure the lower level again"
            }
        }
    }
}

fn unmeasured(missing: &[LoadPoint], loads: &[String]) -> String {
    if missing.is_empty() && loads.is_empty() {
        return "all other levels were already measured".to_owned();
    }
    let loads = loads.iter().map(|load| format!("all of {load}"));
    let names: Vec<String> = missing.iter().map(ToString::to_string).chain(loads).collect();
    format!("not measured: {}", names.join(", "))
}
