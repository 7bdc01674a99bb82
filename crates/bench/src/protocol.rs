//! Benchmark protocols.
//!
//! Owns: the names of the protocols and their presets.

use std::time::Duration;

use crate::config::{BenchConfig, Load};
use crate::levels::Levels;

/// Benchmark protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Closed loop, under a minute, for a first look.
    Quick,
    /// Closed loop, long enough for decisions.
    Steady,
    /// Closed loop, long enough for publication.
    Thorough,
    /// Batches of identical requests, as in the paper's §3.2.
    Paper,
    /// Open loop: requests arrive at a rate, independent of the completion of earlier ones.
    Open,
}

impl Protocol {
    /// Name in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Steady => "steady",
            Self::Thorough => "thorough",
            Self::Paper => "paper",
            Self::Open => "open",
        }
    }

    /// Preset for `loads` at `levels`; in an open loop the caller sets the rates instead.
    pub fn preset(self, loads: Vec<Load>, levels: Levels) -> BenchConfig {
        match self {
            Self::Quick => BenchConfig::quick(loads, levels),
            Self::Steady => BenchConfig::steady(loads, levels),
            Self::Thorough => BenchConfig::thorough(loads, levels),
            Self::Paper => BenchConfig::paper(loads, levels),
            Self::Open => BenchConfig::open(loads, levels),
        }
    }
}

/// Levels of the paper's §3.2.
pub const PAPER_LEVELS: [u32; 9] = [1, 2, 4, 8, 12, 16, 20, 24, 32];

impl BenchConfig {
    /// All levels together in under a minute: three windows of 2.5 s per level, shorter with many
    /// levels, and a limit of 52 s on the run, which leaves time for the preflight and for starting
    /// and rendering. Three windows, because with two Student's t is 12.7 and levels could not be
    /// distinguished. Prompts are short and responses long, so that 1x is mostly decode, as in
    /// commonly published figures. A window opens as soon as all streams have output.
    pub fn quick(loads: Vec<Load>, levels: Levels) -> Self {
        let run_limit = Duration::from_secs(52);
        let trials = 3;
        // Half of the time is for warm-up, and for streams slower than the shortest window.
        let count =
            u32::try_from(levels.requested().len() * loads.len().max(1)).unwrap_or(u32::MAX);
        let window = run_limit / count.saturating_mul(trials * 2);
        Self {
            protocol: Protocol::Quick,
            trials,
            max_trials: trials,
            target_half_width: None,
            window: window.min(Duration::from_millis(2_500)),
            full_warm_up: false,
            idle: Duration::from_secs(2),
            level_limit: run_limit,
            run_limit: Some(run_limit),
            output_tokens: 160,
            prompt_words: 16,
            prompt_tokens: None,
            ..Self::steady(loads, levels)
        }
    }

    /// Three to ten windows of 10 s per level, until the half-width of the interval is at most 5%;
    /// 50 prompt tokens, as in the paper, and 128 output tokens (`docs/sources.md#steady-windows`).
    pub fn steady(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Steady,
            loads,
            levels,
            rates: Vec::new(),
            stack: None,
            machine: None,
            host: String::new(),
            environment: Vec::new(),
            warnings: Vec::new(),
            began_unix_ms: None,
            trials: 3,
            max_trials: 10,
            target_half_width: Some(0.05),
            window: Duration::from_secs(10),
            full_warm_up: true,
            idle: Duration::from_secs(5),
            level_limit: Duration::from_mins(5),
            run_limit: None,
            stall_limit: Duration::from_mins(2),
            patience: Duration::from_secs(10),
            pause_after_failure: Duration::from_millis(100),
            progress_every: Duration::from_millis(250),
            prompt_words: 40,
            prompt_tokens: Some(50),
            output_tokens: 128,
            unique_prompts: true,
            ignore_eos: true,
            temperature: 0.7,
            seed: 0,
            slo: None,
            runs: None,
        }
    }

    /// Five to twenty windows of 30 s per level, until the half-width of the interval is at most 2%.
    pub fn thorough(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Thorough,
            trials: 5,
            max_trials: 20,
            target_half_width: Some(0.02),
            window: Duration::from_secs(30),
            idle: Duration::from_secs(15),
            level_limit: Duration::from_mins(20),
            ..Self::steady(loads, levels)
        }
    }

    /// The paper's §3.2 as published, including its flaws: three batches per level in ascending
    /// order, each of as many identical prompts at once as the level, 50 prompt tokens, up to 100
    /// output tokens, ended earlier by an end-of-turn token; throughput is all tokens of a batch ÷
    /// the time of the batch.
    pub fn paper(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Paper,
            max_trials: 3,
            target_half_width: None,
            output_tokens: 100,
            unique_prompts: false,
            ignore_eos: false,
            ..Self::steady(loads, levels)
        }
    }

    /// Poisson arrivals: three windows of 20 s per rate.
    pub fn open(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Open,
            max_trials: 3,
            target_half_width: None,
            window: Duration::from_secs(20),
            ..Self::steady(loads, levels)
        }
    }
}
