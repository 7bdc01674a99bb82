//! The record of a benchmark run (`harmonic bench --json`, `run.json`).

use serde::{Deserialize, Serialize};

use crate::curve::CurveKey;
use crate::energy::PowerScope;
use crate::finding::Finding;
use crate::load::LoadFigures;
use crate::provenance::ProvenanceMap;
use crate::run_figures::{RealTimeRange, RunFigures, RunWorkload};
use crate::stack::AgentName;
use crate::units::{Joules, TokensPerSecond, Watts};

/// A benchmark run: environment, workload and results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchRun {
    /// `harmonic.bench/1`.
    pub schema: String,
    /// `steady`, `quick`, `thorough`, `paper`, `open`; `published` for figures from a publication.
    pub protocol: String,
    /// Base URL of the target.
    pub target: String,
    /// Name of the stack under load; `None` if the target does not report one.
    #[serde(default)]
    pub stack: Option<String>,
    /// Display name of the target's machine (CPU or SoC model); `None` for a remote target.
    #[serde(default)]
    pub machine: Option<String>,
    /// Name of the machine that generated the load.
    pub host: String,
    /// Start, in milliseconds since 1970 (UTC), from which windows count; `None` if the source does
    /// not state it.
    pub began_unix_ms: Option<u64>,
    /// Human-readable description of the target's machine, one fact a line (device, kernel,
    /// driver, build); empty for a remote target.
    pub environment: Vec<String>,
    /// Load applied to the target.
    pub workload: Workload,
    /// Load of the target's machine before the run; `None` for a target elsewhere.
    pub load_before: Option<LoadFigures>,
    /// One series per model or agent.
    pub series: Vec<Series>,
    /// Conditions that limit the validity of the figures.
    pub warnings: Vec<Finding>,
    /// Source of each figure.
    pub provenance: ProvenanceMap,
}

impl BenchRun {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.bench/1";
}

/// The load of a benchmark run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Words of user prompt in each request, nonce included.
    pub prompt_words: u32,
    /// Requested tokens of user prompt, from which `prompt_words` was calibrated.
    pub prompt_tokens_asked: Option<u32>,
    /// Prompt tokens as the target's usage reports them, mean over all requests; `None` before any.
    pub prompt_tokens: Option<f64>,
    /// Output tokens of each request (`ignore_eos`); of a run, of each task.
    pub output_tokens: u32,
    /// Sampling temperature. The tasks of a run are sampled as their agents say.
    pub temperature: f32,
    /// Requested levels, in the given order.
    pub levels: Vec<u32>,
    /// Levels in the order of measurement.
    pub order: Vec<u32>,
    /// Seed of the prompts, of the order and of the arrivals.
    pub seed: u64,
    /// Service level objective; `None` if none was set.
    pub slo: Option<Slo>,
    /// The runs that the requests are; `None` where they are requests to agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<RunWorkload>,
}

/// Service level objective. An absent bound is not checked.
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
    /// Name of the model.
    pub model: String,
    /// Agent, for a load on one agent.
    pub agent: Option<AgentName>,
    /// Validity of a curve made of this series; `None` if the target does not report it.
    pub key: Option<CurveKey>,
    /// Levels, ascending.
    pub levels: Vec<LevelResult>,
    /// Conclusions from the levels.
    pub verdict: Verdict,
}

/// Mean with a 95% confidence interval, by Student's t where nothing else is said; the bounds are
/// absent with fewer than two trials.
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
    /// Part of the machine that the reading covers.
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

/// Sensor readings over the measured windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SensorFigures {
    /// Highest temperature, °C.
    pub temperature_c: Option<f64>,
    /// Mean clock of the computing device, MHz.
    pub clock_mhz: Option<f64>,
    /// Whether the hardware throttled for temperature or power.
    pub throttled: Option<bool>,
}

/// One measured window: one trial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowResult {
    /// Start, in seconds since the run began.
    pub from_s: f64,
    /// End, in seconds since the run began.
    pub to_s: f64,
    /// Aggregate output throughput.
    pub tok_s: TokensPerSecond,
    /// Energy over the window; `None` without a meter.
    pub joules: Option<Joules>,
}

/// One parallelism level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LevelResult {
    /// Sequences that the client kept in flight; in an open loop the mean, rounded.
    pub parallel: u32,
    /// Arrival rate in requests per second; open loop only.
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
    /// Efficiency, if power was measured or the source states it.
    pub tok_per_w: Option<TokensPerJoule>,
    /// Clocks and temperature, for a target on this host.
    pub sensors: Option<SensorFigures>,
    /// Load of the machine over the windows, for a target on this host.
    pub load: Option<LoadFigures>,
    /// Upper bound by memory bandwidth and arithmetic of the machine; `None` if they or the model
    /// are not known.
    pub roof_tok_s: Option<TokensPerSecond>,
    /// The trials in order of time; empty if the source states only their mean.
    pub windows: Vec<WindowResult>,
    /// Figures of runs; `None` where the requests were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<RunFigures>,
}

/// Highest aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Its level.
    pub parallel: u32,
    /// Aggregate output throughput there.
    pub tok_s: TokensPerSecond,
}

/// Recommended parallelism for a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweetSpot {
    /// Recommended level.
    pub parallel: u32,
    /// Reason for the choice.
    pub reason: String,
}

/// A confirmed drop past the peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cliff {
    /// First level whose confidence interval is below that of the peak.
    pub parallel: u32,
}

/// Direction of the throughput at the highest level measured, by the confidence intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// Still rising: the peak is out of range.
    Rising,
    /// As high as anywhere, but not above the level before: the peak is undetermined.
    Plateau,
    /// Lower than at the peak.
    PastPeak,
}

/// The physical model `t = a + b·N` of the time of a step with N sequences, fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedLine {
    /// a: fixed cost of a step, in milliseconds.
    pub fixed_ms: f64,
    /// b: cost of each sequence, in milliseconds.
    pub per_sequence_ms: f64,
    /// 1 ÷ b, the asymptote of the throughput; `None` if it is unbounded.
    pub limit_tok_s: Option<TokensPerSecond>,
    /// Largest distance of a level from the fit, relative to the measurement.
    pub worst_residual: f64,
}

/// The Universal Scalability Law X(N) = λN ÷ (1 + σ(N−1) + κN(N−1)), fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedLaw {
    /// λ.
    pub single_tok_s: TokensPerSecond,
    /// σ ≥ 0.
    pub contention: f64,
    /// κ ≥ 0.
    pub coherence: f64,
    /// N*, the maximum of the law; `None` if it has none.
    pub optimum: Option<f64>,
    /// Lower bound of its 95% interval; `None` without intervals, or if it is infinite.
    pub optimum_low: Option<f64>,
    /// Upper bound of its 95% interval, by the same rule.
    pub optimum_high: Option<f64>,
    /// Largest distance of a level from the fit, relative to the measurement.
    pub worst_residual: f64,
}

/// Kind of a [`Caveat`], by decreasing weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaveatKind {
    /// Other programs used the machine: no conclusion at all.
    Busy,
    /// Levels are missing: no sweet spot and no trend.
    Incomplete,
    /// Requests failed: no sweet spot, trend or cliff.
    Failed,
    /// A single level: no sweet spot.
    OneLevel,
    /// An interval is too wide to plan with.
    WideInterval,
    /// A level has no interval.
    NoInterval,
}

impl CaveatKind {
    /// Whether there is no sweet spot for it.
    pub fn withholds_sweet_spot(self) -> bool {
        self <= Self::OneLevel
    }
}

/// A reason why no plan should rely on a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caveat {
    /// Its kind.
    pub kind: CaveatKind,
    /// Observation, with its levels and figures.
    pub message: String,
}

/// Conclusions from a series; each is absent if the data do not support it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Reasons why no plan should rely on the series, the weightiest first; empty in records that
    /// were written before they existed.
    #[serde(default)]
    pub caveats: Vec<Caveat>,
    /// Highest aggregate.
    pub peak: Option<Peak>,
    /// Recommended parallelism.
    pub sweet_spot: Option<SweetSpot>,
    /// A confirmed drop past the peak.
    pub cliff: Option<Cliff>,
    /// Direction at the top of the range; `None` with fewer than two levels, or without intervals.
    pub trend: Option<Trend>,
    /// The physical model, fitted to the levels.
    pub line: Option<FittedLine>,
    /// The Universal Scalability Law, fitted to the levels.
    pub law: Option<FittedLaw>,
    /// How many runs at a time are real-time; `None` where the requests were no runs, and where the
    /// machine was busy, levels are missing or runs failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_time: Option<RealTimeRange>,
}

impl Verdict {
    /// The caveat for which there is no sweet spot.
    pub fn withheld_for(&self) -> Option<&Caveat> {
        self.caveats.iter().find(|caveat| caveat.kind.withholds_sweet_spot())
    }
}
