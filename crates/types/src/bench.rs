//! What a benchmark run found (`harmonic bench --json`, `run.json`).

use serde::{Deserialize, Serialize};

use crate::curve::CurveKey;
use crate::energy::PowerScope;
use crate::finding::Finding;
use crate::provenance::ProvenanceMap;
use crate::stack::AgentName;
use crate::units::{Joules, TokensPerSecond, Watts};

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchRun {
    /// `harmonic.bench/1`.
    pub schema: String,
    /// `steady`, `quick`, `thorough`, `paper`, `open`; `published` where nothing was run.
    pub protocol: String,
    /// Base URL of the target.
    pub target: String,
    /// Name of the machine the load ran from.
    pub host: String,
    /// When it began, in milliseconds since 1970 (UTC); windows count from here. `None` where the
    /// source does not say.
    pub began_unix_ms: Option<u64>,
    /// The machine that the target runs on, line by line as a person reads it (device, kernel,
    /// driver, build); empty for a target elsewhere.
    pub environment: Vec<String>,
    /// What was asked of the target.
    pub workload: Workload,
    /// One series per model or agent.
    pub series: Vec<Series>,
    /// What the reader must know.
    pub warnings: Vec<Finding>,
    /// Source of each figure.
    pub provenance: ProvenanceMap,
}

impl BenchRun {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.bench/1";
}

/// The load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Words of user prompt in each request, nonce included.
    pub prompt_words: u32,
    /// Tokens of user prompt that were asked for, from which `prompt_words` was calibrated.
    pub prompt_tokens_asked: Option<u32>,
    /// Prompt tokens as the target's usage reports them, mean over all requests; `None` before any.
    pub prompt_tokens: Option<f64>,
    /// Output tokens asked of each request (`ignore_eos`).
    pub output_tokens: u32,
    /// Sampling temperature.
    pub temperature: f32,
    /// Levels in the order they were asked for.
    pub levels: Vec<u32>,
    /// Levels in the order they were measured.
    pub order: Vec<u32>,
    /// Seed of the prompts, of the order and of the arrivals.
    pub seed: u64,
    /// What a good answer is, where it was said.
    pub slo: Option<Slo>,
}

/// What counts as a good answer (service level objective). A bound that is absent bounds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// Longest time to first token, in milliseconds.
    pub ttft_ms: Option<f64>,
    /// Longest mean time between tokens, in milliseconds.
    pub itl_ms: Option<f64>,
}

/// Levels of one model (all agents together when `agent` is `None`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Model.
    pub model: String,
    /// Agent, when the load went to one.
    pub agent: Option<AgentName>,
    /// What a curve made of this series is valid for; `None` where the target does not say.
    pub key: Option<CurveKey>,
    /// Levels, ascending.
    pub levels: Vec<LevelResult>,
    /// What follows from them.
    pub verdict: Verdict,
}

/// Mean with a 95% confidence interval (Student's t); the bounds are absent with fewer than two
/// trials.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Mean over trials.
    pub mean: f64,
    /// Lower bound.
    pub ci95_low: Option<f64>,
    /// Upper bound.
    pub ci95_high: Option<f64>,
}

/// A distribution of times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Median.
    pub p50: f64,
    /// 90th.
    pub p90: f64,
    /// 99th.
    pub p99: f64,
}

/// Power over the measured window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PowerFigures {
    /// Mean power under load.
    pub watts: Watts,
    /// Mean power when idle, measured in the same run.
    pub idle_watts: Option<Watts>,
    /// What the reading covers.
    pub scope: PowerScope,
}

/// Output tokens per joule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokensPerJoule {
    /// Over all power of the scope.
    pub gross: f64,
    /// Over the power above idle.
    pub net: Option<f64>,
}

/// What the machine's sensors said over the measured windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SensorFigures {
    /// Highest temperature, °C.
    pub temperature_c: Option<f64>,
    /// Mean clock of what computes, MHz.
    pub clock_mhz: Option<f64>,
    /// Whether the hardware slowed itself down for heat or power.
    pub throttled: Option<bool>,
}

/// One stretch of time that was measured: one trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowResult {
    /// Start, in seconds since the run began.
    pub from_s: f64,
    /// End.
    pub to_s: f64,
    /// Aggregate output throughput.
    pub tok_s: TokensPerSecond,
    /// Energy over it, where there is a meter.
    pub joules: Option<Joules>,
}

/// One parallelism level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelResult {
    /// Sequences the client kept in flight; in an open loop the mean, rounded.
    pub parallel: u32,
    /// Requests per second that arrived, in an open loop.
    pub rate: Option<f64>,
    /// Mean sequences in flight over the window.
    pub in_flight: Option<f64>,
    /// Windows measured.
    pub trials: u32,
    /// Requests completed in them.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Aggregate output throughput; `None` when nothing succeeded.
    pub tok_s: Option<Interval>,
    /// `tok_s` ÷ `parallel`.
    pub per_stream_tok_s: Option<TokensPerSecond>,
    /// Time to first token.
    pub ttft_ms: Option<Percentiles>,
    /// Gaps between stream events.
    pub itl_ms: Option<Percentiles>,
    /// (E2E − TTFT) ÷ (n − 1).
    pub tpot_ms: Option<Percentiles>,
    /// Whole request.
    pub e2e_ms: Option<Percentiles>,
    /// Requests per second that met the SLO; `None` without one.
    pub goodput: Option<f64>,
    /// Power, for a target on this host with a readable meter.
    pub power: Option<PowerFigures>,
    /// Efficiency, where there is power or the source states it.
    pub tok_per_w: Option<TokensPerJoule>,
    /// Clocks and temperature, for a target on this host.
    pub sensors: Option<SensorFigures>,
    /// What the memory and the arithmetic of the machine allow at most; `None` where they or the
    /// model are not known.
    pub roof_tok_s: Option<TokensPerSecond>,
    /// The trials, in time; empty where the source states only their mean.
    pub windows: Vec<WindowResult>,
}

/// Highest aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Where.
    pub parallel: u32,
    /// How much.
    pub tok_s: TokensPerSecond,
}

/// What a plan should use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweetSpot {
    /// Level.
    pub parallel: u32,
    /// Why this one.
    pub reason: String,
}

/// A confirmed drop past the peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cliff {
    /// First level that is below the peak beyond doubt.
    pub parallel: u32,
}

/// How throughput goes on at the highest level measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// It still rises, beyond doubt: there is no peak in range.
    Rising,
    /// It is as high as anywhere, and no higher than at the level before: no peak can be told.
    Plateau,
    /// It is lower than at the peak.
    PastPeak,
}

/// The physical line `t = a + b·N`: the time of a step of N sequences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedLine {
    /// a: milliseconds that do not depend on the sequences.
    pub fixed_ms: f64,
    /// b: milliseconds that each sequence adds.
    pub per_sequence_ms: f64,
    /// 1 ÷ b, what throughput nears; `None` where it grows without end.
    pub limit_tok_s: Option<TokensPerSecond>,
    /// Largest distance of a level from the fit, as a share of what was measured.
    pub worst_residual: f64,
}

/// The Universal Scalability Law X(N) = λN ÷ (1 + σ(N−1) + κN(N−1)).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedLaw {
    /// λ.
    pub single_tok_s: TokensPerSecond,
    /// σ ≥ 0.
    pub contention: f64,
    /// κ ≥ 0.
    pub coherence: f64,
    /// N*, where the law has its maximum; `None` where it has none.
    pub optimum: Option<f64>,
    /// Lower bound of its 95% interval; `None` without intervals, or beyond every number.
    pub optimum_low: Option<f64>,
    /// Upper bound.
    pub optimum_high: Option<f64>,
    /// Largest distance of a level from the fit, as a share of what was measured.
    pub worst_residual: f64,
}

/// What follows from a series; each part absent where the data do not support it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Highest aggregate.
    pub peak: Option<Peak>,
    /// What the plan should use.
    pub sweet_spot: Option<SweetSpot>,
    /// A confirmed drop.
    pub cliff: Option<Cliff>,
    /// How it goes on at the top of the range; `None` with fewer than two levels.
    pub trend: Option<Trend>,
    /// The physical line through the levels.
    pub line: Option<FittedLine>,
    /// The law through the levels.
    pub law: Option<FittedLaw>,
}
