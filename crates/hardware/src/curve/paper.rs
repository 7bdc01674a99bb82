//! The paper's measurements (§4.1 and §4.2), stored once.
//!
//! They are what the paper prints, anomalies included (`research/hardware.md` §2 lists them): of
//! most models only the peak, and of `qwen3:14b` an approximate one.

use harmonic_types::{Curve, CurveKey, CurvePoint, Provenance, TokensPerSecond};

use crate::profile::{DGX_SPARK, Profile, RYZEN_AI_MAX_395};

/// The engine of §3.1.
const ENGINE: &str = "ollama/0.15";

/// Level → tok/s of `qwen3:4b` on the DGX Spark, §4.1.
const QWEN3_4B_SPARK: [(u32, f64); 9] = [
    (1, 21.7),
    (2, 35.9),
    (4, 35.2),
    (8, 119.4),
    (12, 151.1),
    (16, 222.9),
    (20, 258.6),
    (24, 266.5),
    (32, 308.2),
];

/// The same on the X2.
const QWEN3_4B_X2: [(u32, f64); 6] =
    [(1, 27.7), (2, 39.1), (4, 54.2), (8, 69.3), (12, 222.6), (16, 163.4)];

/// Model → its peak level and tok/s on the DGX Spark, §4.2; `executive` and its like are the
/// paper's own agents.
const PEAKS_SPARK: [(&str, u32, f64); 7] = [
    ("executive", 16, 334.1),
    ("operator", 32, 285.3),
    ("qwen3:8b", 16, 285.3),
    ("technical_director", 16, 248.2),
    ("research_director", 16, 252.6),
    ("creative_director", 16, 250.4),
    ("qwen3:14b", 16, 120.0),
];

/// All curves of the paper.
///
/// §4.3 names one sweet spot for each platform, 16x and 12x. It stands in every curve of that
/// platform, as the paper plans with it, although `qwen3:4b` and `operator` peak at 32x.
pub fn paper_curves() -> Vec<Curve> {
    let full = [
        curve(DGX_SPARK, "qwen3:4b", &QWEN3_4B_SPARK),
        curve(RYZEN_AI_MAX_395, "qwen3:4b", &QWEN3_4B_X2),
    ];
    let peaks = PEAKS_SPARK.map(|(model, level, rate)| curve(DGX_SPARK, model, &[(level, rate)]));
    full.into_iter().chain(peaks).collect()
}

fn curve(platform: Profile, model: &str, points: &[(u32, f64)]) -> Curve {
    let point = |(parallel, rate): &(u32, f64)| CurvePoint {
        parallel: *parallel,
        tok_s: TokensPerSecond(*rate),
    };
    Curve {
        key: CurveKey {
            machine: platform.name.to_owned(),
            model: model.to_owned(),
            digest: None,
            format: None,
            engine: ENGINE.to_owned(),
            context: None,
        },
        points: points.iter().map(point).collect(),
        sweet_spot: Some(platform.peak_parallel),
        provenance: Provenance::Paper,
    }
}
