//! The fastest settings of a model on one machine, as measured: weight format, KV layout, threads.
//! The benchmark measures them and the planner reads them, as with curves.

use serde::{Deserialize, Serialize};

use crate::bench::Interval;
use crate::curve::CurveKey;
use crate::engine_plan::KvLayout;
use crate::model::KvType;
use crate::provenance::Provenance;
use crate::units::Bytes;

/// Distance of a model's output distribution from that of the original.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// Mean KL divergence, Σ p·ln(p/q) over the vocabulary with p of the original: nats per token.
    pub nats_per_token: f64,
    /// Tokens of the evaluated text.
    pub tokens: u32,
}

impl Divergence {
    /// Bound of what is used without being asked for, in nats per token.
    ///
    /// Measured on the starter model over 771 tokens, from `Q4_1` as shipped: F16 0.0029, BF16
    /// 0.0031, `Q8_0` 0.0052, `Q4_0` 0.289. From an exact copy of the weights (F32), F16 differs by
    /// 0.000005 and BF16 by 0.00015: most of the 0.003 is rounding in the kernels of the shipped
    /// format, which a conversion avoids. The bound is twice the divergence of formats that preserve
    /// the weights, and far below that of quantising again.
    pub const BOUND: f64 = 0.01;

    /// Whether it is below [`Self::BOUND`].
    pub fn is_within_bound(self) -> bool {
        self.nats_per_token < Self::BOUND
    }
}

/// Thread counts of an engine and of the HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threads {
    /// Compute threads of the engine.
    pub engine: u32,
    /// Worker threads of the HTTP server.
    pub http: u32,
}

/// A KV cache in `q8_0` against one in `f16`, as measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantisedKv {
    /// Distance of the output distribution from that with `f16`.
    pub divergence: Divergence,
    /// Throughput as a multiple of that with `f16`; `None` if not measured.
    pub speed: Option<f64>,
    /// Sequences in flight during the measurement of `speed`.
    pub parallel: u32,
}

/// The setting that a comparison varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TuneAxis {
    /// The weight format.
    Formats,
    /// The layout of the KV cache.
    Layouts,
    /// Threads of the engine and of the HTTP server.
    Threads,
    /// The element type of the KV cache.
    #[serde(rename = "kv-types")]
    KvTypes,
}

/// Interleaved measurement of candidate settings, with the choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneComparison {
    /// The setting that was varied.
    pub axis: TuneAxis,
    /// Sequences in flight during the measurement.
    pub parallel: u32,
    /// Index in `candidates` of the settings in use before.
    pub present: usize,
    /// Index in `candidates` of the settings chosen.
    pub chosen: usize,
    /// All candidates in order of measurement.
    pub candidates: Vec<TuneCandidate>,
}

/// Candidate settings of a comparison, with the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuneCandidate {
    /// Weight format.
    pub format: String,
    /// sha256 of the model file; `None` if there is no file.
    pub digest: Option<String>,
    /// Size of the weights.
    pub weights_bytes: Bytes,
    /// Distance from the original model; `None` for the original itself.
    pub divergence: Option<Divergence>,
    /// Layout of the KV cache.
    pub kv_layout: KvLayout,
    /// Element type of the KV cache.
    #[serde(default)]
    pub kv_type: KvType,
    /// Compute threads of the engine.
    pub threads: u32,
    /// Worker threads of the HTTP server.
    pub http_threads: u32,
    /// Output tokens per second at the comparison's parallelism; `None` if not measured.
    pub tok_s: Option<Interval>,
    /// Reason for exclusion; `None` if it was not excluded.
    pub reason: Option<String>,
}

/// The settings that a plan uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedConfig {
    /// `harmonic.setup/1`.
    pub schema: String,
    /// Configuration for which it is valid; `digest` and `format` are those of the chosen weights.
    pub key: CurveKey,
    /// Sequences in flight during the measurement.
    pub parallel: u32,
    /// The faster layout of the KV cache; `None` if not compared.
    pub kv_layout: Option<KvLayout>,
    /// The fastest thread counts; `None` if not compared.
    pub threads: Option<Threads>,
    /// The quantised KV cache against the plain one; `None` if not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantised_kv: Option<QuantisedKv>,
    /// The latest comparison of each setting.
    pub comparisons: Vec<TuneComparison>,
    /// Always `measured`.
    pub provenance: Provenance,
}

impl TunedConfig {
    /// The schema this build writes.
    pub const SCHEMA: &'static str = "harmonic.setup/1";

    /// Whether any comparison chose a setting, rather than only measure a price.
    pub fn chooses_settings(&self) -> bool {
        self.comparisons.iter().any(|comparison| comparison.axis != TuneAxis::KvTypes)
    }
}
