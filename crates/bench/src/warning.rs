//! Warnings of a run.
//!
//! Owns: [`Warning`], each with its code, message and remedy.
//!
//! Invariants: codes are stable (scripts match on them); a message contains its figures, and its
//! level where it has one; warnings are raised only from measurements.

use harmonic_types::Finding;

use crate::levels::LoadPoint;

/// Finding about a run that its figures do not show.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Warning {
    /// Requests failed.
    #[error("{point}: {failures} of {} requests failed; first error: {first}", failures + finished)]
    Failures {
        /// The level.
        point: LoadPoint,
        /// Failed requests.
        failures: u64,
        /// Completed requests.
        finished: u64,
        /// First error.
        first: String,
        /// Remedy for that error.
        hint: &'static str,
    },
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
    /// A level has no figures.
    #[error(
        "{point}: no steady state within {limit_s:.0} s ({streaming} streams had output), so there \
         are no figures"
    )]
    NotSteady {
        /// The level.
        point: LoadPoint,
        /// Streams that had output.
        streaming: u32,
        /// Time limit of the level.
        limit_s: f64,
    },
    /// A level has fewer windows than requested.
    #[error("{point}: only {trials} of {wanted} windows fit the time limit")]
    FewWindows {
        /// The level.
        point: LoadPoint,
        /// Windows measured.
        trials: u32,
        /// Windows requested.
        wanted: u32,
    },
    /// The confidence interval is wider than requested.
    #[error(
        "{point}: after {trials} windows the confidence interval is ±{:.0}% instead of ±{:.0}%",
        reached * 100.0,
        wanted * 100.0
    )]
    WideInterval {
        /// The level.
        point: LoadPoint,
        /// Windows measured.
        trials: u32,
        /// Half-width, as a fraction of the mean.
        reached: f64,
        /// Half-width requested.
        wanted: f64,
    },
    /// The arrival rate exceeds the completion rate.
    #[error(
        "{point}: the server is overloaded: up to {streaming} requests were in flight, growing with \
         each window"
    )]
    Overrun {
        /// The rate.
        point: LoadPoint,
        /// Maximum requests in flight.
        streaming: u32,
    },
    /// Throughput above the roof.
    #[error(
        "{point}: {tok_s:.0} tok/s exceed the roof of {roof:.0} tok/s given by the memory bandwidth \
         and arithmetic of this machine"
    )]
    AboveRoof {
        /// The level.
        point: LoadPoint,
        /// Measured throughput: the lower bound, where there is one.
        tok_s: f64,
        /// Roof in tokens per second.
        roof: f64,
    },
    /// The hardware was throttled.
    #[error("{point}: the hardware was throttled{}", at_temperature(*temperature_c))]
    Throttled {
        /// The level.
        point: LoadPoint,
        /// Highest temperature, °C.
        temperature_c: Option<f64>,
    },
    /// The client was too slow to time the responses.
    #[error(
        "{point}: the client's event loop lags by {lag_ms:.0} ms, more than half of the \
         {itl_ms:.0} ms between tokens: the figures are limited by the client"
    )]
    ClientBound {
        /// The level.
        point: LoadPoint,
        /// Median lag of the event loop.
        lag_ms: f64,
        /// Median gap between outputs of a stream.
        itl_ms: f64,
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
            Self::Failures { .. } => "failures",
            Self::TargetDied { .. } => "target-died",
            Self::Interrupted { .. } => "interrupted",
            Self::NotSteady { .. } => "not-steady",
            Self::FewWindows { .. } => "few-windows",
            Self::WideInterval { .. } => "wide-interval",
            Self::Overrun { .. } => "overrun",
            Self::AboveRoof { .. } => "above-roof",
            Self::Throttled { .. } => "throttled",
            Self::ClientBound { .. } => "client-bound",
            Self::NoPower { .. } => "no-power",
            Self::NotCalibrated { .. } => "not-calibrated",
            Self::AnswerLength { .. } => "answer-length",
            Self::PrefixCacheHits { .. } => "prefix-cache-hits",
            Self::Serialises { .. } => "serialises",
            Self::Unstreamed { .. } => "unstreamed",
            Self::Superlinear { .. } => "superlinear",
        }
    }

    /// Remedy.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Failures { hint, .. } | Self::NoPower { hint, .. } => hint,
            Self::TargetDied { .. } => {
                "check the server's log for the reason (out of memory?) and measure lower levels"
            }
            Self::Interrupted { .. } => "run again to measure the missing levels",
            Self::NotSteady { .. } | Self::FewWindows { .. } => {
                "run without `--quick`, or with fewer levels"
            }
            Self::WideInterval { .. } => {
                "check for other load on the machine, or use more and longer windows: `--thorough`"
            }
            Self::Overrun { .. } => "use a lower rate: latencies at this one grow with time",
            Self::AboveRoof { .. } => {
                "check for a response cache, speculative decoding, or a wrong bandwidth (`--probe` \
                 measures it)"
            }
            Self::Throttled { .. } => {
                "check the cooling and the power limit, let the machine cool down and measure again"
            }
            Self::ClientBound { .. } => {
                "reserve a core for the client, or run it on another machine with `--target`"
            }
            Self::NotCalibrated { .. } => "compare latencies only with runs of the same prompts",
            Self::AnswerLength { .. } => {
                "compare this run only with runs of the same lengths, or use a server that supports \
                 `ignore_eos`"
            }
            Self::PrefixCacheHits { .. } => {
                "this seed was used before: use another, or turn the cache off"
            }
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

    /// Finding for the record.
    pub fn finding(&self) -> Finding {
        Finding::new(self.code(), self.to_string(), self.hint())
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

fn at_temperature(temperature_c: Option<f64>) -> String {
    temperature_c.map_or_else(String::new, |celsius| format!(" at up to {celsius:.0} °C"))
}
