//! The paper's measurements (§4.1 and §4.2), defined once. The paper is identified in
//! `docs/sources.md#the-paper-and-its-code`.
//!
//! The figures are as printed, including anomalies (`docs/sources.md#anomalies-of-the-paper`): only
//! the peak for most models, and an approximate one for `qwen3:14b`.

use harmonic_hardware::profile::{DGX_SPARK, Profile, RYZEN_AI_MAX_395};
use harmonic_types::{
    BenchRun, Curve, CurveKey, CurvePoint, Interval, LevelResult, Provenance, ProvenanceMap,
    Series, SweetSpot, TokensPerJoule, TokensPerSecond, Verdict, Workload,
};

/// Model that was measured at every level.
const FULL: &str = "qwen3:4b";

/// Engine of §3.1.
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

/// A row of §4.2.
struct Peak {
    model: &'static str,
    parallel: u32,
    tok_s: f64,
    tok_per_w: f64,
}

const fn peak(model: &'static str, parallel: u32, tok_s: f64, tok_per_w: f64) -> Peak {
    Peak { model, parallel, tok_s, tok_per_w }
}

/// Peaks of the DGX Spark, §4.2; `executive` and the other roles are the paper's own agents. The
/// paper marks both figures of `qwen3:14b` with `~`.
const PEAKS_SPARK: [Peak; 8] = [
    peak("qwen3:4b", 32, 308.2, 7.87),
    peak("executive", 16, 334.1, 8.82),
    peak("operator", 32, 285.3, 6.73),
    peak("qwen3:8b", 16, 285.3, 6.95),
    peak("technical_director", 16, 248.2, 5.66),
    peak("research_director", 16, 252.6, 6.20),
    peak("creative_director", 16, 250.4, 6.08),
    peak("qwen3:14b", 16, 120.0, 2.8),
];

/// The only efficiency of the X2, §4.4, from an estimated power.
const PEAKS_X2: [Peak; 1] = [peak("qwen3:4b", 12, 222.6, 3.4)];

/// All curves of the paper.
///
/// §4.3 states one sweet spot per platform, 16x and 12x. Every curve of the platform has it, because
/// the paper plans with it, although `qwen3:4b` and `operator` peak at 32x.
pub fn paper_curves() -> Vec<Curve> {
    let full =
        [curve(DGX_SPARK, FULL, &QWEN3_4B_SPARK), curve(RYZEN_AI_MAX_395, FULL, &QWEN3_4B_X2)];
    let measured_once = PEAKS_SPARK.iter().filter(|peak| peak.model != FULL);
    let peaks =
        measured_once.map(|peak| curve(DGX_SPARK, peak.model, &[(peak.parallel, peak.tok_s)]));
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

/// The paper's measurements of the machine `profile` as a benchmark record, for `report` and
/// `compare`: one series per model, in the order of §4.2; `None` for any other machine.
///
/// Contains only figures that the paper prints: no intervals, no latencies, no watts (§4.4 states
/// one figure per machine, which matches no model); of the verdict only the sweet spot that the curves
/// have, from which plans are made, too. The caller adds the rest.
pub fn published(profile: &str) -> Option<BenchRun> {
    let (machine, peaks, name): (_, &[Peak], _) = match profile {
        name if name == DGX_SPARK.name => (DGX_SPARK, &PEAKS_SPARK, "SPARKY, an NVIDIA DGX Spark"),
        name if name == RYZEN_AI_MAX_395.name => {
            (RYZEN_AI_MAX_395, &PEAKS_X2, "ARCY, an AMD Ryzen AI MAX+ 395")
        }
        _ => return None,
    };
    let curves = paper_curves();
    let of_machine = |peak: &Peak| {
        let mut curves = curves.iter();
        let curve = curves.find(|c| c.key.machine == machine.name && c.key.model == peak.model)?;
        Some(series(curve, peak))
    };
    let series: Vec<Series> = peaks.iter().filter_map(of_machine).collect();
    let mut levels: Vec<u32> =
        series.iter().flat_map(|series| &series.levels).map(|level| level.parallel).collect();
    levels.sort_unstable();
    levels.dedup();
    let approximate = series.iter().position(|series| series.model == "qwen3:14b");
    let mut provenance = ProvenanceMap::from([("/series".to_owned(), Provenance::Paper)]);
    if let Some(index) = approximate {
        provenance.insert(format!("/series/{index}"), Provenance::Estimated);
    }
    if machine == RYZEN_AI_MAX_395 {
        let pointer = "/series/0/levels/4/tok_per_w".to_owned();
        provenance.insert(pointer, Provenance::Estimated);
    }
    Some(BenchRun {
        schema: BenchRun::SCHEMA.to_owned(),
        protocol: "published".to_owned(),
        target: "the paper, January 31, 2026".to_owned(),
        stack: None,
        machine: Some(name.to_owned()),
        host: name.to_owned(),
        began_unix_ms: None,
        environment: vec![ENGINE.replace('/', " ")],
        workload: Workload {
            prompt_words: 0,
            prompt_tokens_asked: Some(50),
            prompt_tokens: None,
            output_tokens: 100,
            temperature: 0.0,
            order: levels.clone(),
            levels,
            seed: 0,
            slo: None,
            runs: None,
        },
        load_before: None,
        series,
        warnings: Vec::new(),
        provenance,
    })
}

fn series(curve: &Curve, peak: &Peak) -> Series {
    let level = |point: &CurvePoint| LevelResult {
        parallel: point.parallel,
        trials: 3,
        tok_s: Some(Interval { mean: point.tok_s.0, ci95_low: None, ci95_high: None }),
        per_stream_tok_s: Some(TokensPerSecond(point.tok_s.0 / f64::from(point.parallel))),
        tok_per_w: (point.parallel == peak.parallel)
            .then_some(TokensPerJoule { gross: peak.tok_per_w, net: None }),
        ..LevelResult::default()
    };
    Series {
        model: curve.key.model.clone(),
        agent: None,
        key: Some(curve.key.clone()),
        levels: curve.points.iter().map(level).collect(),
        verdict: Verdict { sweet_spot: curve.sweet_spot.map(stated), ..Verdict::default() },
    }
}

/// The sweet spot of a curve as the paper states it.
fn stated(parallel: u32) -> SweetSpot {
    let reason = "as the paper states it for the whole machine (§4.3)".to_owned();
    SweetSpot { parallel, reason }
}
