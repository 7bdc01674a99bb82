//! What a benchmark run found (`harmonic bench --json`, `run.json`).

use serde::{Deserialize, Serialize};

use crate::energy::PowerScope;
use crate::finding::Finding;
use crate::provenance::ProvenanceMap;
use crate::stack::AgentName;
use crate::units::{TokensPerSecond, Watts};

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchRun {
    /// `harmonic.bench/1`.
    pub schema: String,
    /// `steady`, `quick` …
    pub protocol: String,
    /// Base URL of the target.
    pub target: String,
    /// Name of the machine the load ran from.
    pub host: String,
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
    /// Prompt tokens as the target's usage reports them, mean over all requests; `None` before any.
    pub prompt_tokens: Option<f64>,
    /// Output tokens asked of each request (`ignore_eos`).
    pub output_tokens: u32,
    /// Sampling temperature.
    pub temperature: f32,
    /// Levels in the order they were asked for.
    pub levels: Vec<u32>,
}

/// Levels of one model (all agents together when `agent` is `None`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Model.
    pub model: String,
    /// Agent, when the load went to one.
    pub agent: Option<AgentName>,
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

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
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
pub struct TokensPerWatt {
    /// Over all power of the scope.
    pub gross: f64,
    /// Over the power above idle.
    pub net: Option<f64>,
}

/// One parallelism level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelResult {
    /// Sequences the client kept in flight.
    pub parallel: u32,
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
    /// Efficiency, where there is power.
    pub tok_per_w: Option<TokensPerWatt>,
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

/// What follows from a series; each part absent where the data do not support it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Highest aggregate.
    pub peak: Option<Peak>,
    /// What the plan should use.
    pub sweet_spot: Option<SweetSpot>,
    /// A confirmed drop.
    pub cliff: Option<Cliff>,
}
