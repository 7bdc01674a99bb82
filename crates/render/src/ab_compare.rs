//! Comparison of two servers measured in alternation.

use harmonic_app::measure::AbComparison;
use harmonic_bench::LevelRatio;
use harmonic_layout::{Column, Table, Width};
use harmonic_report::compare::Difference;
use harmonic_types::{BenchRun, Interval};
use serde_json::{Value, json};

const ABSENT: &str = "–";

/// Throughput of both, their ratio with its interval, and the verdict per level.
pub fn text(compared: &AbComparison, width: Width) -> String {
    let AbComparison { first, second, ratios } = compared;
    let rows = ratios.iter().map(|level| {
        [
            format!("{}x", level.parallel),
            rate(first, level.parallel),
            rate(second, level.parallel),
            level.ratio.map_or_else(|| ABSENT.to_owned(), |ratio| format!("{:.3}", ratio.mean)),
            level.ratio.and_then(bounds).unwrap_or_else(|| ABSENT.to_owned()),
            level.ratio.map_or(ABSENT, |ratio| Difference::of(ratio).word()).to_owned(),
        ]
    });
    let columns = [
        Column::figure("parallel"),
        Column::figure("first tok/s").leaves(2),
        Column::figure("second tok/s").leaves(1),
        Column::figure("first ÷ second"),
        Column::figure("95%"),
        Column::text("first is").wraps(),
    ];
    let table = Table::new(columns, rows).text(width);
    format!("first:  {}\nsecond: {}\n\n{table}", first.target, second.target)
}

/// The comparison as JSON.
pub fn json(compared: &AbComparison) -> Value {
    let AbComparison { first, second, ratios } = compared;
    let level = |level: &LevelRatio| json!({"parallel": level.parallel, "ratio": level.ratio, "pairs": level.pairs});
    let ratios: Vec<_> = ratios.iter().map(level).collect();
    json!({"schema": "harmonic.against/1", "first": first, "second": second, "ratios": ratios})
}

fn rate(run: &BenchRun, parallel: u32) -> String {
    let levels = run.series.iter().flat_map(|series| &series.levels);
    let level = levels.filter(|level| level.parallel == parallel).find_map(|level| level.tok_s);
    level.map_or_else(|| ABSENT.to_owned(), |rate| format!("{:.1}", rate.mean))
}

fn bounds(ratio: Interval) -> Option<String> {
    Some(format!("{:.3} to {:.3}", ratio.ci95_low?, ratio.ci95_high?))
}
