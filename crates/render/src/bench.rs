//! A benchmark record, and one level of it, as text.

use harmonic_bench::LoadPoint;
use harmonic_layout::Width;
use harmonic_report::terminal;
use harmonic_types::{BenchRun, LevelResult};

/// Maximum lines of a curve.
const CURVE_LINES: usize = 16;

/// Table, power, curve and summary of a run.
pub fn report(run: &BenchRun, width: Width) -> String {
    let parts = [
        terminal::table(run, width),
        terminal::power(run, width),
        terminal::curve(run, width, CURVE_LINES),
        terminal::summary(run, width),
        terminal::fits(run, width),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// One line for a level.
pub fn level(point: LoadPoint, level: &LevelResult, single: Option<f64>) -> String {
    let point = point.to_string();
    let Some(rate) = level.tok_s else {
        let why = if level.failures > 0 { "no request succeeded" } else { "no steady state" };
        return format!("  {point:>5}  {why}");
    };
    let half = rate.ci95_high.map(|high| format!(" ± {:<5.1}", high - rate.mean));
    let first = if level.runs.is_some() { "text" } else { "token" };
    let ttft = level.ttft_ms.map(|ttft| format!("   first {first} {:>6.0} ms", ttft.p50));
    let per_hour = level.runs.and_then(|runs| runs.per_hour);
    let runs = per_hour.map(|rate| format!("   {:>6.0} runs/h", rate.mean));
    let watts = level.power.map(|power| format!("   {:>5.1} W", power.watts.0));
    let times = single.map(|single| format!("   {:.1} times 1x", rate.mean / single));
    let rest: String = [half, runs, ttft, watts, times].into_iter().flatten().collect();
    format!("  {point:>5}  {:>8.1} tok/s{rest}", rate.mean)
}

#[cfg(test)]
mod tests {
    use harmonic_types::Interval;

    use super::*;

    #[test]
    fn a_level_is_a_line() {
        let tok_s = Interval { mean: 530.4, ci95_low: Some(515.5), ci95_high: Some(545.3) };
        let result = LevelResult { parallel: 16, tok_s: Some(tok_s), ..LevelResult::default() };
        assert_eq!(
            level(LoadPoint::Parallel(16), &result, Some(141.2)),
            "    16x     530.4 tok/s ± 14.9    3.8 times 1x"
        );
        let failed = LevelResult { failures: 1, ..LevelResult::default() };
        assert_eq!(level(LoadPoint::Rate(2.5), &failed, None), "  2.5/s  no request succeeded");
        let unfinished = LevelResult { trials: 1, ..LevelResult::default() };
        assert_eq!(level(LoadPoint::Rate(2.5), &unfinished, None), "  2.5/s  no steady state");
    }
}
