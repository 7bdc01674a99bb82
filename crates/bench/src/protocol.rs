//! How a run is paced.
//!
//! Owns: the names of the protocols, and the figures in which their presets differ. What all share
//! is in [`crate::config`].

use std::time::Duration;

use crate::config::{BenchConfig, Load};
use crate::levels::Levels;

/// How a run is paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Under a minute, for a first look.
    Quick,
    /// Long enough to decide from.
    Steady,
    /// Long enough to publish.
    Thorough,
    /// As in the paper's §3.2: waves of like requests.
    Paper,
    /// Requests arrive at a rate, whether or not earlier ones are answered.
    Open,
}

impl Protocol {
    /// The name in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Steady => "steady",
            Self::Thorough => "thorough",
            Self::Paper => "paper",
            Self::Open => "open",
        }
    }

    /// Its settings for `loads` at `levels`; in an open loop the levels are the caller's rates.
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

/// The levels of the paper's §3.2.
pub const PAPER_LEVELS: [u32; 9] = [1, 2, 4, 8, 12, 16, 20, 24, 32];

impl BenchConfig {
    /// All levels together in under a minute: three windows of 2.5 s a level, shorter where the
    /// levels are many, and a limit on the whole. 52 s leave room for the preflight, and for the
    /// client to start and to render. Three windows, because with two Student's t is 12.7 and no
    /// two levels could be told apart. Prompts are short and answers long, so that 1x is mostly
    /// decode, as in the figures that people compare it with. A window opens as soon as all streams
    /// have output.
    pub fn quick(loads: Vec<Load>, levels: Levels) -> Self {
        let run_limit = Duration::from_secs(52);
        let trials = 3;
        // Half of the time is for warming up, and for streams slower than the shortest window.
        let count = u32::try_from(levels.as_asked().len() * loads.len().max(1)).unwrap_or(u32::MAX);
        let window = run_limit / count.saturating_mul(trials * 2);
        Self {
            protocol: Protocol::Quick,
            trials,
            most_trials: trials,
            narrow: None,
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

    /// At least three windows of 10 s a level, and more, up to ten, until the interval reaches 5% on
    /// either side; 50 tokens in, as in the paper, and 128 out (`docs/sources.md#steady-windows`).
    pub fn steady(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Steady,
            loads,
            levels,
            rates: Vec::new(),
            host: String::new(),
            environment: Vec::new(),
            warnings: Vec::new(),
            began_unix_ms: None,
            trials: 3,
            most_trials: 10,
            narrow: Some(0.05),
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
        }
    }

    /// At least five windows of 30 s a level, and up to twenty, until the interval reaches 2% on
    /// either side.
    pub fn thorough(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Thorough,
            trials: 5,
            most_trials: 20,
            narrow: Some(0.02),
            window: Duration::from_secs(30),
            idle: Duration::from_secs(15),
            level_limit: Duration::from_mins(20),
            ..Self::steady(loads, levels)
        }
    }

    /// The paper's §3.2 as published, faults included: three waves a level in ascending order, each
    /// of as many like prompts at once as the level says, 50 tokens in, about 100 out, ended by the
    /// model where it wants to; throughput is all tokens of a wave ÷ the time of the wave.
    pub fn paper(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Paper,
            most_trials: 3,
            narrow: None,
            output_tokens: 100,
            unique_prompts: false,
            ignore_eos: false,
            ..Self::steady(loads, levels)
        }
    }

    /// Poisson arrivals: three windows of 20 s at each rate.
    pub fn open(loads: Vec<Load>, levels: Levels) -> Self {
        Self {
            protocol: Protocol::Open,
            most_trials: 3,
            narrow: None,
            window: Duration::from_secs(20),
            ..Self::steady(loads, levels)
        }
    }
}
