//! Throughput over parallelism: the one thing that flows back from the benchmark to the planner.

use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;
use crate::units::{Tokens, TokensPerSecond};

/// What a curve is valid for.
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
    /// Sequences in flight.
    pub parallel: u32,
    /// Aggregate output throughput.
    pub tok_s: TokensPerSecond,
}

/// A curve with its source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What it is valid for.
    pub key: CurveKey,
    /// Levels, ascending, each once.
    pub points: Vec<CurvePoint>,
    /// Sweet spot, where the measurement found one.
    pub sweet_spot: Option<u32>,
    /// Where it comes from.
    pub provenance: Provenance,
}
