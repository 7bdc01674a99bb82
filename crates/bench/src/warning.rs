//! What the reader of a run must know.
//!
//! Owns: [`Warning`], each with its code, its words and its remedy.
//!
//! Invariants: codes are stable (scripts match on them); a message carries the figures it speaks
//! of, and the level where it belongs to one.
//!
//! Does not do: guess. A warning is raised only from what was measured.

use harmonic_types::Finding;

use crate::levels::Step;

/// Something about a run that its figures do not show.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Warning {
    /// Requests failed.
    #[error("{step}: {failures} of {} requests failed; the first: {first}", failures + finished)]
    Failures {
        /// The level.
        step: Step,
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
    #[error("the target died at {step}: {first}; {}", unmeasured(missing, missing_loads))]
    TargetDied {
        /// The level.
        step: Step,
        /// The first error of the level.
        first: String,
        /// What was to be measured of the same load after it.
        missing: Vec<Step>,
        /// The loads that were to be measured after it, by their models.
        missing_loads: Vec<String>,
    },
    /// The run was stopped.
    #[error("stopped at {step}; what was measured before is kept")]
    Interrupted {
        /// The level.
        step: Step,
    },
    /// A level has no figures.
    #[error(
        "{step} was not steady within {limit_s:.0} s ({streaming} streams had output), so it has no \
         figures"
    )]
    NotSteady {
        /// The level.
        step: Step,
        /// Streams that had output.
        streaming: u32,
        /// How long it was given.
        limit_s: f64,
    },
    /// A level has fewer windows than asked for.
    #[error("{step}: time for {trials} of {wanted} windows only")]
    FewWindows {
        /// The level.
        step: Step,
        /// Measured.
        trials: u32,
        /// Asked for.
        wanted: u32,
    },
    /// The interval did not get as narrow as it should.
    #[error(
        "{step}: after {trials} windows the interval is still ±{:.0}% wide, not ±{:.0}%",
        reached * 100.0,
        wanted * 100.0
    )]
    WideInterval {
        /// The level.
        step: Step,
        /// Windows measured.
        trials: u32,
        /// Half of it, as a share of the mean.
        reached: f64,
        /// The share that was to be reached.
        wanted: f64,
    },
    /// More requests arrive than are answered.
    #[error(
        "{step}: the server does not keep up, {streaming} requests were in flight in the end and \
         more with each window"
    )]
    Overrun {
        /// The rate.
        step: Step,
        /// In flight at most.
        streaming: u32,
    },
    /// More than the machine can do.
    #[error(
        "{step}: {tok_s:.0} tok/s are more than the {roof:.0} tok/s that the memory and the \
         arithmetic of this machine allow"
    )]
    AboveRoof {
        /// The level.
        step: Step,
        /// Measured: the lower bound, where there is one.
        tok_s: f64,
        /// Allowed.
        roof: f64,
    },
    /// The hardware slowed itself down.
    #[error("{step}: the hardware slowed itself down{}", at_temperature(*temperature_c))]
    Throttled {
        /// The level.
        step: Step,
        /// Highest temperature, °C.
        temperature_c: Option<f64>,
    },
    /// The client was too slow to time its answers.
    #[error(
        "{step}: the client's own clock struck {lag_ms:.0} ms late, where tokens are {itl_ms:.0} ms \
         apart: the figures are the client's as much as the server's"
    )]
    ClientBound {
        /// The level.
        step: Step,
        /// Median.
        lag_ms: f64,
        /// Median gap between arrivals of a stream.
        itl_ms: f64,
    },
    /// No energy was measured.
    #[error("no power was measured: {reason}")]
    NoPower {
        /// Why not.
        reason: String,
        /// What mends that.
        hint: &'static str,
    },
    /// The prompts may not be as long as was asked for.
    #[error(
        "prompts have {words} words instead of {asked} tokens: the target's count of prompt tokens \
         does not grow with the prompt"
    )]
    NotCalibrated {
        /// Used instead.
        words: u32,
        /// Asked for.
        asked: u32,
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
    /// Answers do not come as they are made.
    #[error(
        "the server sends its answers at their end: at {parallel}x the first output comes after \
         {first_ms:.0} of {whole_ms:.0} ms, so the time to first token and the gaps between tokens \
         are those of whole answers"
    )]
    Unstreamed {
        /// The lowest level at which it does.
        parallel: u32,
        /// Time to first output, median.
        first_ms: f64,
        /// Time of a whole request, median.
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

    /// What mends it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Failures { hint, .. } | Self::NoPower { hint, .. } => hint,
            Self::TargetDied { .. } => {
                "look into the server's log for the reason (memory?) and measure lower levels"
            }
            Self::Interrupted { .. } => "run it again to the end for the levels that are missing",
            Self::NotSteady { .. } | Self::FewWindows { .. } => {
                "leave out `--quick`, or ask for fewer levels"
            }
            Self::WideInterval { .. } => {
                "see what else runs on the machine, or ask for more and longer windows: `--thorough`"
            }
            Self::Overrun { .. } => {
                "ask for a lower rate: latencies at this one grow with the time"
            }
            Self::AboveRoof { .. } => {
                "look for a cache that answers, speculative decoding, or a wrong bandwidth (`--probe` \
                 measures it)"
            }
            Self::Throttled { .. } => {
                "see to the cooling and the power limit, let it cool down and measure again"
            }
            Self::ClientBound { .. } => {
                "leave the client a core of its own, or run it on another machine with `--target`"
            }
            Self::NotCalibrated { .. } => "compare latencies only with runs of the same prompts",
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
            Self::Unstreamed { .. } => {
                "look for a proxy that buffers (nginx: `proxy_buffering off`), or a server that does \
                 not know `stream`"
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

fn unmeasured(missing: &[Step], loads: &[String]) -> String {
    if missing.is_empty() && loads.is_empty() {
        return "everything else was measured before".to_owned();
    }
    let loads = loads.iter().map(|load| format!("all of {load}"));
    let names: Vec<String> = missing.iter().map(ToString::to_string).chain(loads).collect();
    format!("not measured any more: {}", names.join(", "))
}

fn at_temperature(temperature_c: Option<f64>) -> String {
    temperature_c.map_or_else(String::new, |celsius| format!(" at up to {celsius:.0} °C"))
}
