//! What was measured to run a model fastest on one machine: weight format, KV layout, threads. It
//! flows back from the benchmark to the planner, as curves do.

use serde::{Deserialize, Serialize};

use crate::bench::Interval;
use crate::curve::CurveKey;
use crate::engine_plan::KvLayout;
use crate::provenance::Provenance;
use crate::units::Bytes;

/// How far a model's answers are from another's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// Mean KL divergence, Σ p·ln(p/q) over the vocabulary with p of the original: nats per token.
    pub nats_per_token: f64,
    /// Tokens of the text that it is the mean over.
    pub tokens: u32,
}

/// Threads of an engine and of the HTTP side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threads {
    /// Compute threads of the engine.
    pub engine: u32,
    /// Worker threads of the HTTP server.
    pub http: u32,
}

/// What a comparison varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TuneAxis {
    /// The weight format.
    Formats,
    /// The layout of the KV cache.
    Layouts,
    /// Threads of the engine and of the HTTP server.
    Threads,
}

/// Settings that were measured in turns, and which was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneComparison {
    /// What was varied.
    pub axis: TuneAxis,
    /// Sequences in flight.
    pub parallel: u32,
    /// Place in `candidates` of what was in use before.
    pub present: usize,
    /// Place of what was kept.
    pub chosen: usize,
    /// All of them, in the order they were tried.
    pub candidates: Vec<TuneCandidate>,
}

/// One of the settings that were compared, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneCandidate {
    /// Weight format.
    pub format: String,
    /// sha256 of the model file; `None` where there is none.
    pub digest: Option<String>,
    /// Weights.
    pub weights_bytes: Bytes,
    /// Distance from the model as it came; `None` for the model itself.
    pub divergence: Option<Divergence>,
    /// Layout of the KV cache.
    pub kv_layout: KvLayout,
    /// Compute threads of the engine.
    pub threads: u32,
    /// Worker threads of the HTTP server.
    pub http_threads: u32,
    /// Output tokens per second at the tuned config's parallelism; `None` where nothing was measured.
    pub tok_s: Option<Interval>,
    /// Why it was not measured or must not be taken; `None` where it was a candidate to the end.
    pub reason: Option<String>,
}

/// The settings that a plan takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedConfig {
    /// `harmonic.setup/1`.
    pub schema: String,
    /// What it is valid for; `digest` and `format` are those of the weights that were chosen.
    pub key: CurveKey,
    /// Sequences in flight while it was measured.
    pub parallel: u32,
    /// Layout of the KV cache that was the faster; `None` where it was not compared.
    pub kv_layout: Option<KvLayout>,
    /// Threads that were the fastest; `None` where they were not compared.
    pub threads: Option<Threads>,
    /// What it rests on: the latest comparison of each kind.
    pub comparisons: Vec<TuneComparison>,
    /// Always measured: kept so that the document says it.
    pub provenance: Provenance,
}

impl TunedConfig {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.setup/1";
}
