//! Throughput over parallelism, which the benchmark measures and the planner reads.

use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;
use crate::units::{Tokens, TokensPerSecond};

/// Configuration for which a curve is valid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CurveKey {
    /// Hardware profile or machine name.
    pub machine: String,
    /// Model name as measured.
    pub model: String,
    /// sha256 of the model file; `None` where the source does not state it.
    pub digest: Option<String>,
    /// Weight format; `None` where the source does not state it.
    pub format: Option<String>,
    /// Engine kind and build (`llama.cpp/11434`, `ollama/0.15`).
    pub engine: String,
    /// Context per sequence; `None` where the source does not state it.
    pub context: Option<Tokens>,
}

/// One measured level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Sequences in flight during the measurement.
    pub parallel: u32,
    /// Aggregate output throughput.
    pub tok_s: TokensPerSecond,
}

/// A curve with its source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Configuration for which it is valid.
    pub key: CurveKey,
    /// Levels, ascending, each once.
    pub points: Vec<CurvePoint>,
    /// Sweet spot, if the measurement found one.
    pub sweet_spot: Option<u32>,
    /// Source of the points.
    pub provenance: Provenance,
}
